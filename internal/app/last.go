package app

import (
	"context"

	constituencyweb "tocsin/internal/constituency/web"
	"tocsin/internal/event/digest"
)

// lastTold is how many digests and answers the page of a constituent shows.
const lastTold = 5

// toldLast is what a constituent was told last, for its page.
func (s *Server) toldLast(ctx context.Context, constituent int64) (out constituencyweb.Told, err error) {
	ms, _, err := s.world.Digest.Messages(ctx, []int64{constituent}, 0, lastTold)
	if err != nil {
		return out, err
	}
	for _, m := range ms {
		out.Digests = append(out.Digests, constituencyweb.ToldDigest{ID: m.ID, At: m.At, Ticket: m.Ticket, Frequency: string(m.Frequency), Fresh: m.Fresh, Still: m.Still,
			Gone: m.Gone, Answers: m.Answers})
	}
	as, _, err := s.world.Digest.Answers(ctx, digest.AnswerFilter{Constituent: constituent, Limit: lastTold})
	for _, a := range as {
		out.Answers = append(out.Answers, constituencyweb.ToldAnswer{Digest: a.Message, At: a.At, Answer: a.Answer, By: a.By, Findings: a.Findings})
	}
	return out, err
}
