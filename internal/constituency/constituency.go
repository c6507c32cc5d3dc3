// Package constituency keeps whom the national CERT serves: constituents as a tree, their contacts and assets, each with
// the time it is valid and whether a person or a registry said so. It answers who owns an address, and why.
package constituency

// Kind is what sort of organisation a constituent is.
type Kind string

// The kinds.
const (
	Operator    Kind = "operator" // of a service the nation depends on
	Institution Kind = "institution"
	ISP         Kind = "isp"
	SectorCERT  Kind = "sector-cert"
	SpecialCERT Kind = "special-cert"
	Authority   Kind = "authority"
	OtherKind   Kind = "other"
)

// Kinds lists the kinds.
func Kinds() []Kind {
	return []Kind{Operator, Institution, ISP, SectorCERT, SpecialCERT, Authority, OtherKind}
}

// Designation is how much the law says that the nation depends on a constituent.
type Designation string

// The designations.
const (
	SpecialImportance Designation = "special-importance"
	Important         Designation = "important"
	OtherDesignation  Designation = "other"
)

// Designations lists the designations.
func Designations() []Designation {
	return []Designation{SpecialImportance, Important, OtherDesignation}
}

// Source tells who said so: a person or a registry.
type Source string

// The sources.
const (
	Manual    Source = "manual"
	Automatic Source = "automatic"
)

// AssetKind is what sort of thing an asset is.
type AssetKind string

// The kinds of asset.
const (
	AddressAsset AssetKind = "address"
	PrefixAsset  AssetKind = "prefix"
	ASNAsset     AssetKind = "asn"
	DomainAsset  AssetKind = "domain"
	ProductAsset AssetKind = "product" // free text or a CPE name; attributes nothing
)

// AssetKinds lists the kinds of asset.
func AssetKinds() []AssetKind {
	return []AssetKind{AddressAsset, PrefixAsset, ASNAsset, DomainAsset, ProductAsset}
}

// Constituent is an organisation of the constituency.
type Constituent struct {
	ID          int64
	Ref         string // the nation's own name for it, unique: "dso1", "ORG-EX1-RIPE"
	Parent      int64  // 0 for none
	Name        string
	Kind        Kind
	Sector      string // an id of the nation's profile
	Designation Designation
	Delegate    int64 // the CERT that looks after this branch; 0 inherits the parent's
	Language    string
	Note        string
	Source      Source
	Origin      string // which registry, for automatic ones
	ValidFrom   Day
	ValidUntil  Day
}

// Asset is something a constituent has, in canonical text.
type Asset struct {
	ID          int64
	Constituent int64
	Kind        AssetKind
	Value       string
	AlsoNotify  bool // wants a copy of what the owner of something more exact is told
	Source      Source
	Origin      string
	ValidFrom   Day
	ValidUntil  Day
}

// Contact is a person or desk of a constituent.
type Contact struct {
	ID          int64
	Constituent int64
	Role        string // abuse, security, technical, management, press, other
	Name        string
	Mail        string
	Phone       string
	Language    string
	Keys        []Key
	Encrypt     bool   // nothing is sent to it in clear
	Clearance   string // the highest TLP label it may be sent; "" when nobody said
	Source      Source
	Origin      string
	ValidFrom   Day
	ValidUntil  Day
}

// Key is a contact's public key. One with its fingerprint only says that there is a key; nothing can be encrypted to it.
type Key struct {
	Type        string `json:"type,omitempty" enum:"openpgp,smime" doc:"Follows from the key"`
	Fingerprint string `json:"fingerprint,omitempty" doc:"Follows from the key"`
	Key         string `json:"key,omitempty" doc:"A certificate in PEM, or an armored OpenPGP public key"`
}

// maxDepth bounds the tree, so that a walk up it ends.
const maxDepth = 32
