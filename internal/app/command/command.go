// Package command is the command line: one kong struct a command, which translates between flags and the capabilities and
// decides nothing. Results go to standard output, everything else to standard error.
package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"tocsin/internal/app"
	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/config"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
	"tocsin/internal/platform/telemetry"
)

// The exit codes, which scripts rely on.
const (
	exitOK          = 0
	exitInternal    = 1 // a fault of Tocsin or its machine
	exitUsage       = 2 // wrong flags or configuration
	exitInvalid     = 3 // wrong input
	exitNotFound    = 4 // no such thing
	exitConflict    = 5 // locked, or somebody changed it
	exitUnavailable = 6 // database, disk or network: try again
	exitForbidden   = 7 // not allowed
	exitInterrupted = 130
)

const description = `A national CERT in one program: takes in what feeds tell about a nation's networks, knows whose address
each row is about, keeps one open finding per problem, and shows where the nation stands.

Every flag can also be set as TOCSIN_<FLAG> in the environment and as a key of one TOML file; a flag beats the environment, the
environment beats the file.

Exit codes: 0 done, 1 internal error, 2 wrong usage or configuration, 3 wrong input, 4 not found, 5 locked or changed by
somebody else, 6 database, disk or network not available, 7 not allowed, 130 interrupted.`

// Globals are the flags of every command.
type Globals struct {
	Data      string `help:"Data directory (default: ./tocsin-data)." type:"path" placeholder:"DIR"`
	Database  string `help:"postgres://… keeps the records in PostgreSQL (default: a SQLite file in the data directory)." placeholder:"URL"`
	Config    string `help:"Configuration file (default: tocsin.toml in the data directory, if it is there)." type:"path" placeholder:"FILE"`
	LogFormat string `help:"Format of the log: ${enum}." enum:"text,json" default:"text"`
	LogLevel  string `help:"What the log leaves out: everything below ${enum}." enum:"debug,info,warn,error" default:"info"`
}

type grammar struct {
	Globals
	Serve        serveCmd        `cmd:"" help:"Serve the console and the REST interface, collect feeds, work off jobs."`
	Demo         demoCmd         `cmd:"" help:"Make a fictional nation with a month of reports, and serve it."`
	Ingest       ingestCmd       `cmd:"" help:"Take in report files."`
	Findings     findingsCmd     `cmd:"" help:"List findings for people, machines and spreadsheets."`
	Why          whyCmd          `cmd:"" help:"Say who owns an address, AS number or domain name, by which rule, and who lost."`
	Constituency constituencyCmd `cmd:"" help:"Import, export and check whom the nation's CERT serves."`
	Digest       digestCmd       `cmd:"" help:"Who is told what about findings, and what came of it."`
	Disclosure   disclosureCmd   `cmd:"" help:"What left, to whom, when and under which rule."`
	Outbox       outboxCmd       `cmd:"" help:"What is sent and what became of it: list, release, cancel, resend, stop, start."`
	Incident     incidentCmd     `cmd:"" help:"Incidents: what the law asks for by when."`
	Case         caseCmd         `cmd:"" help:"Cases: list, show, export."`
	Report       reportCmd       `cmd:"" help:"Reports of incidents: list, show."`
	User         userCmd         `cmd:"" help:"Who may sign in: list, invite, give roles, recover."`
	Mailbox      mailboxCmd      `cmd:"" help:"What came by mail: list, show, answer, put aside, read now."`
	Yearly       yearlyCmd       `cmd:"" help:"Statistics of all incidents that operators return once a year."`
	SpecialCerts specialCmd      `cmd:"" help:"Write the public register of special CERTs as CSV."`
	Nation       nationCmd       `cmd:"" help:"The profile that tailors Tocsin to a country."`
	Feed         feedCmd         `cmd:"" help:"Feeds, their days and their schema."`
	Jobs         jobsCmd         `cmd:"" help:"List background jobs."`
	Mail         mailCmd         `cmd:"" help:"How mail is signed."`
	Audit        auditCmd        `cmd:"" help:"What was done: list, export, sign and verify."`
	Backup       backupCmd       `cmd:"" help:"Copy everything to a directory while Tocsin goes on working."`
	Restore      restoreCmd      `cmd:"" help:"Make a data directory from a backup."`
	Check        checkCmd        `cmd:"" help:"Check configuration, records, archive and segments."`
	Generate     generateCmd     `cmd:"" help:"Generate a fictional nation and its report files, the same for the same seed."`
	Version      versionCmd      `cmd:"" help:"Print the version."`
}

// Env is what a command runs in.
type Env struct {
	Globals
	Ctx    context.Context
	In     io.Reader
	Out    io.Writer
	Err    io.Writer
	Log    *slog.Logger
	signal context.CancelCauseFunc
}

// sameSignal is how long a second signal counts as the first: terminals and supervisors send it to a process and to its
// group.
const sameSignal = 300 * time.Millisecond

var errInterrupted = errors.New("interrupted")

// exitNow carries an exit code through kong, which calls it after --help.
type exitNow int

// Main runs the command line and returns the exit code.
func Main(args []string, in io.Reader, out, errOut io.Writer) (code int) {
	defer func() {
		if r := recover(); r != nil {
			e, ok := r.(exitNow)
			if !ok {
				panic(r)
			}
			code = int(e)
		}
	}()
	var g grammar
	opts := []kong.Option{kong.Name("tocsin"), kong.Description(description), kong.Writers(out, errOut),
		kong.Exit(func(c int) { panic(exitNow(c)) }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 110})}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	k, err := config.Parse(&g, args, opts...)
	if err != nil {
		return complain(errOut, usage(err))
	}
	log, err := telemetry.Logger(errOut, g.LogFormat, g.LogLevel)
	if err != nil {
		return complain(errOut, usage(err))
	}
	ctx, stop := interruptible()
	defer stop()
	env := &Env{Globals: g.Globals, Ctx: ctx, In: in, Out: out, Err: errOut, Log: log}
	err = k.Run(env)
	if err != nil && ctx.Err() != nil && errors.Is(err, context.Canceled) {
		fmt.Fprintln(errOut, "tocsin: interrupted; what was taken in is kept, the rest can be given again")
		return exitInterrupted
	}
	return complain(errOut, err)
}

// interruptible is a context that the first signal ends; the second one ends the process.
func interruptible() (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	done := make(chan struct{})
	go func() {
		select {
		case <-signals:
			cancel(errInterrupted)
		case <-done:
			return
		}
		first := clock.Start()
		for {
			select {
			case <-signals:
				if first.Elapsed() > sameSignal {
					os.Exit(exitInterrupted)
				}
			case <-done:
				return
			}
		}
	}()
	return ctx, func() { signal.Stop(signals); close(done); cancel(nil) }
}

type usageError struct{ error }

func (u usageError) Unwrap() error { return u.error }

func usage(err error) error { return usageError{err} }

// complain prints the error and returns its exit code.
func complain(w io.Writer, err error) int {
	if err == nil {
		return exitOK
	}
	var said alreadySaid
	if !errors.As(err, &said) {
		for i, line := range strings.Split(strings.TrimSpace(err.Error()), "\n") {
			if i == 0 {
				fmt.Fprintf(w, "tocsin: %s\n", line)
			} else {
				fmt.Fprintf(w, "        %s\n", line)
			}
		}
	}
	var u usageError
	if errors.As(err, &u) {
		return exitUsage
	}
	if errors.Is(err, syscall.ENOSPC) || db.IsFull(err) {
		fmt.Fprintln(w, "        the disk is full: make room and do it again; what was taken in is kept")
		return exitUnavailable
	}
	return map[fault.Kind]int{fault.Internal: exitInternal, fault.Invalid: exitInvalid, fault.NotFound: exitNotFound,
		fault.Conflict: exitConflict, fault.Forbidden: exitForbidden, fault.Unavailable: exitUnavailable}[fault.KindOf(err)]
}

// alreadySaid is an error whose message was printed as part of the result.
type alreadySaid struct{ error }

func (a alreadySaid) Unwrap() error { return a.error }

type versionCmd struct{}

// Run prints the version.
func (versionCmd) Run(e *Env) error {
	_, err := fmt.Fprintln(e.Out, app.Version())
	return err
}
