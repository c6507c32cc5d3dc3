package event

import "io"

// Format reads one kind of source file. Every format is a folder below feed.
type Format interface {
	// Name is the format's name in a feed's record: "shadowserver", "idf", "generic".
	Name() string

	// Identify says what the base name of a file tells. An unusable name is a fault of kind Invalid that says what is
	// expected.
	Identify(name string) (Identity, error)

	// Type is what is known of a report type; an unknown one has Known false and the safe defaults.
	Type(name string) ReportType

	// Open begins to read the decompressed content r of a file of that identity. An unusable header is a fault of kind
	// Invalid. The reader reads r in blocks of its own and needs no buffering around it.
	Open(id Identity, r io.Reader) (Reader, error)
}

// Reader yields the rows of a file.
type Reader interface {
	// Next overwrites e with the next row. A *RowError is a row that is wrong: it is counted, and reading goes on. io.EOF
	// is the end. Any other error ends the file, and nothing of it is taken in. Offset is right also of a row that is wrong.
	Next(e *Event) error
}
