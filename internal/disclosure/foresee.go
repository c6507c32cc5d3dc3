package disclosure

import "context"

// Foresee tells which markings the rules would let through to a recipient by an exit, without letting anything through: whoever
// composes a message leaves out what the gate would hold it back for. Circles and overrides are not asked.
func (g *Gate) Foresee(ctx context.Context, to Recipient, via Channel, markings []Marking) ([]bool, error) {
	if err := g.place(ctx, &to); err != nil {
		return nil, err
	}
	out := make([]bool, len(markings))
	for i, m := range markings {
		out[i] = judge(m, to, nil, via).ok
	}
	return out, nil
}
