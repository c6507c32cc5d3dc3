package command

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

	"tocsin/internal/platform/clock"
)

// bar is a progress bar on a terminal, and nothing elsewhere.
type bar struct {
	w     io.Writer
	watch clock.Stopwatch
	next  time.Duration
	wide  int
	drawn bool
}

func (e *Env) bar() *bar {
	b := &bar{watch: clock.Start()}
	if f, ok := e.Err.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		b.w, b.wide = f, 80
		if w, _, err := term.GetSize(int(f.Fd())); err == nil && w > 20 {
			b.wide = w
		}
	}
	return b
}

// show draws how much is done, at most ten times a second.
func (b *bar) show(done, total int64, text string) {
	if b.w == nil {
		return
	}
	now := b.watch.Elapsed()
	if b.drawn && now < b.next && done < total {
		return
	}
	b.next, b.drawn = now+100*time.Millisecond, true
	share := 1.0
	if total > 0 {
		share = min(float64(done)/float64(total), 1)
	}
	left := ""
	if share > 0.01 && share < 1 {
		left = ", " + seconds(time.Duration(float64(now)*(1-share)/share)) + " left"
	}
	const cells = 24
	full := int(share * cells)
	line := fmt.Sprintf("[%s%s] %3.0f %%  %s%s", strings.Repeat("=", full), strings.Repeat(" ", cells-full), share*100, text, left)
	if r := []rune(line); len(r) >= b.wide {
		line = string(r[:b.wide-1])
	}
	fmt.Fprintf(b.w, "\r%s\x1b[K", line)
}

func (b *bar) end() {
	if b.drawn {
		fmt.Fprint(b.w, "\r\x1b[K")
	}
}

func seconds(d time.Duration) string {
	if d < time.Minute {
		return fmt.Sprintf("%d s", int(d.Seconds()+0.5))
	}
	return fmt.Sprintf("%d min %02d s", int(d.Minutes()), int(d.Seconds())%60)
}

// size is a number of bytes for people.
func size(n int64) string {
	units := []string{"bytes", "KiB", "MiB", "GiB", "TiB"}
	f := float64(n)
	i := 0
	for f >= 1024 && i < len(units)-1 {
		f /= 1024
		i++
	}
	if i == 0 {
		return fmt.Sprintf("%d bytes", n)
	}
	return fmt.Sprintf("%.1f %s", f, units[i])
}

// count is a number with its thousands apart.
func count(n int64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
