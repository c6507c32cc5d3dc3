package situation

// shown are the pictures of the records as they are, so that each is drawn once.
type shown struct {
	standing int64  // serial of what is open
	changes  string // of the sums
	late     bool
	pictures map[shownKey]*Picture
}

type shownKey struct {
	window int
	scope  scope
}

// maxShown bounds the memory of pictures: 366 windows of every sector would be many.
const maxShown = 64

func (s *Situation) seen(st standing, changes string, late bool, window int, sc scope) *Picture {
	s.showing.Lock()
	defer s.showing.Unlock()
	if !s.shown.of(st, changes, late) {
		return nil
	}
	return s.shown.pictures[shownKey{window, sc}]
}

func (s *Situation) keep(st standing, changes string, late bool, window int, sc scope, p *Picture) {
	s.showing.Lock()
	defer s.showing.Unlock()
	if !s.shown.of(st, changes, late) || len(s.shown.pictures) >= maxShown {
		s.shown = shown{st.serial, changes, late, map[shownKey]*Picture{}}
	}
	s.shown.pictures[shownKey{window, sc}] = p
}

func (s shown) of(st standing, changes string, late bool) bool {
	return s.pictures != nil && s.standing == st.serial && s.changes == changes && s.late == late
}
