package generate

// Constituency is the import format of the constituency (JSON).
type Constituency struct {
	Constituents     []Constituent `json:"constituents"`
	NationalPrefixes []string      `json:"national_prefixes"`
}

// Constituent is an organisation with its contacts and assets. Times are days, YYYY-MM-DD, "" for always and open.
type Constituent struct {
	Ref         string    `json:"ref"`
	Parent      string    `json:"parent"`
	Name        string    `json:"name"`
	Kind        string    `json:"kind"`
	Sector      string    `json:"sector"`
	Designation string    `json:"designation"`
	Delegate    string    `json:"delegate"`
	Language    string    `json:"language"`
	Note        string    `json:"note"`
	ValidFrom   string    `json:"valid_from"`
	ValidUntil  string    `json:"valid_until"`
	Contacts    []Contact `json:"contacts"`
	Assets      []Asset   `json:"assets"`
}

// Contact is a desk of a constituent.
type Contact struct {
	Role       string   `json:"role"`
	Name       string   `json:"name"`
	Mail       string   `json:"mail"`
	Phone      string   `json:"phone"`
	Language   string   `json:"language"`
	Keys       []string `json:"keys"`
	Clearance  string   `json:"clearance"`
	ValidFrom  string   `json:"valid_from"`
	ValidUntil string   `json:"valid_until"`
}

// Asset is something a constituent has: prefix, address, asn, domain.
type Asset struct {
	Kind       string `json:"kind"`
	Value      string `json:"value"`
	AlsoNotify bool   `json:"also_notify"`
	ValidFrom  string `json:"valid_from"`
	ValidUntil string `json:"valid_until"`
}

// organisation is what a constituent is modelled on.
type organisation struct {
	ref, name, kind, sector, designation string
	parent, delegate                     string
}

// organisations are the constituents of the usual nation, in an order that gives a fair picture when there are fewer. When
// there are more, they begin again with a number.
var organisations = []organisation{
	{"rtelecom", "Ruritania Telecom", "isp", "digital", "special-importance", "", ""},
	{"grid", "Ruritanian Transmission Grid", "operator", "energy", "special-importance", "", ""},
	{"interior", "Ministry of the Interior", "authority", "government", "important", "", ""},
	{"healthcert", "Health Sector CERT", "sector-cert", "health", "other", "", ""},
	{"royalhospital", "Royal Hospital of Strelsau", "operator", "health", "special-importance", "", "healthcert"},
	{"nationalbank", "National Bank of Ruritania", "operator", "finance", "special-importance", "", ""},
	{"railways", "Ruritanian State Railways", "operator", "transport", "special-importance", "", ""},
	{"strelsauwater", "Strelsau Waterworks", "operator", "water", "special-importance", "", ""},
	{"universitas", "University of Strelsau", "institution", "education", "important", "academicnet", ""},
	{"academicnet", "Academic Network of Ruritania", "institution", "education", "important", "", ""},
	{"elphmobile", "Elphberg Mobile", "isp", "digital", "special-importance", "", ""},
	{"dso1", "Strelsau Power Distribution", "operator", "energy", "special-importance", "", ""},
	{"zendahospital", "Zenda General Hospital", "operator", "health", "important", "", "healthcert"},
	{"elphbank", "Elphberg Bank", "operator", "finance", "important", "", ""},
	{"treasury", "Ministry of Finance", "authority", "government", "important", "", ""},
	{"airport", "Strelsau International Airport", "operator", "transport", "special-importance", "", ""},
	{"zendacable", "Zenda Cable", "isp", "digital", "important", "", ""},
	{"strelsauhosting", "Strelsau Hosting", "isp", "digital", "important", "", ""},
	{"zendawater", "Zenda Water Board", "operator", "water", "important", "", ""},
	{"zendahydro", "Zenda Hydro", "operator", "energy", "important", "grid", ""},
	{"zendatech", "Zenda Technical University", "institution", "education", "other", "academicnet", ""},
	{"exchange", "Strelsau Stock Exchange", "operator", "finance", "special-importance", "", ""},
	{"bloodservice", "National Blood Service", "operator", "health", "special-importance", "", "healthcert"},
	{"landregistry", "Land Registry", "institution", "government", "important", "interior", ""},
	{"riverport", "Hofbau River Port", "operator", "transport", "important", "", ""},
	{"gastransport", "Hentzau Gas Transport", "operator", "energy", "special-importance", "", ""},
	{"hentzaufibre", "Hentzau Fibre", "isp", "digital", "other", "", ""},
	{"schoolnet", "National School Network", "institution", "education", "other", "academicnet", ""},
	{"cardclearing", "Ruritanian Card Clearing", "operator", "finance", "important", "nationalbank", ""},
	{"strelsaucity", "City of Strelsau", "institution", "government", "other", "", ""},
	{"hentzauclinic", "Hentzau Clinic", "institution", "health", "other", "", "healthcert"},
	{"motorways", "Zenda Motorways", "operator", "transport", "other", "", ""},
	{"festenburg", "Festenburg Broadband", "isp", "digital", "other", "", ""},
	{"districtheat", "Tarlenheim District Heating", "operator", "energy", "other", "dso1", ""},
	{"chancellery", "Royal Chancellery", "authority", "government", "important", "", ""},
	{"insurance", "Rischenheim Insurance", "operator", "finance", "other", "", ""},
	{"hofbaucollege", "Hofbau College", "institution", "education", "other", "academicnet", ""},
	{"hentzausewage", "Hentzau Sewage", "operator", "water", "other", "", ""},
	{"laboratories", "Tarlenheim Medical Laboratories", "operator", "health", "other", "", "healthcert"},
	{"archives", "National Archives", "institution", "government", "other", "interior", ""},
}

// industry is how Shadowserver names a sector, with the NAICS code of its usual member.
var industry = map[string]struct {
	name  string
	naics string
}{
	"energy":     {"Utilities", "221122"},
	"water":      {"Utilities", "221310"},
	"transport":  {"Transportation and Warehousing", "482111"},
	"health":     {"Health Care and Social Assistance", "622110"},
	"finance":    {"Finance and Insurance", "522110"},
	"government": {"Public Administration", "921190"},
	"digital":    {"Communications, Service Provider, and Hosting Service", "517311"},
	"education":  {"Educational Services", "611310"},
}

// places are the regions and cities of Ruritania, as Shadowserver writes them.
var places = [...][2]string{
	{"STRELSAU", "STRELSAU"}, {"STRELSAU", "STRELSAU"}, {"STRELSAU", "FESTENBURG"}, {"ZENDA", "ZENDA"},
	{"ZENDA", "HOFBAU"}, {"HENTZAU", "HENTZAU"}, {"HENTZAU", "LAUENGRAM"}, {"TARLENHEIM", "TARLENHEIM"},
}
