package generate

// meanPresence is the share of the findings that is there on an ordinary weekday, meanRepeats the rows that a host at a
// sinkhole has in a day.
const (
	meanPresence = 0.98
	meanRepeats  = 1.4
)

// finding is one problem, for as long as it lasts.
type finding struct {
	key uint64 // its number among the findings of the type, without repetition: the place and how often it changed hands
	h   uint64 // hash of everything that is the finding's own
}

// at is the finding in a place on a day; ok is false on a day when it does not show.
func (p *plan) at(place uint64, day, weekday int) (f finding, ok bool) {
	h := mix(p.seed, place)
	kind, share := 0, int(h&255)
	for share >= lifeShare[kind] {
		share -= lifeShare[kind]
		kind++
	}
	var generation uint64
	if life := p.lives[kind]; life > 0 {
		begin := float64(h>>8&0xffff) / 65536 * life
		generation = uint64((float64(day) + begin) / life)
	}
	f = finding{key: place + generation*p.slots, h: mix(h, generation)}
	if p.once {
		return f, f.h>>32%3 == 0
	}
	return f, f.shows(day, weekday)
}

// shows: a few flicker, a few are away for five days at a time, a few rest at weekends.
func (f finding) shows(day, weekday int) bool {
	phase := int(f.h >> 40 & 15)
	switch b := f.h >> 56; {
	case b < 10:
		return (day+phase)%4 != 3
	case b < 15:
		return (day+phase)/5%3 != 2
	case b < 25:
		return weekday != 0 && weekday != 6
	}
	return true
}

// mended: a constituent that cleans up gets rid of most of its findings within two weeks, each at its own time.
func (o *owner) mended(f finding, day int) bool {
	if o.mends < 0 || day < o.mends {
		return false
	}
	progress := min(uint64(day-o.mends+1)*16, 220)
	return mix(f.h, 7)&255 < progress
}

// The outbreak: on the twentieth day a new malware begins to spread, is everywhere on the third day, and is fought back
// slowly from the eighth day on.
const (
	outbreakDay    = 19
	outbreakFamily = "vulpecula"
)

// sickOn is how many of the outbreak's hosts show on a day.
func (p *plan) sickOn(day int) uint64 {
	since := day - outbreakDay
	switch {
	case since < 0:
		return 0
	case since < 2:
		return p.sick * uint64(2+since) / 4
	case since < 8:
		return p.sick
	}
	return p.sick * uint64(max(20-since, 4)) / 16
}
