package situation

import (
	"context"
	"time"

	"tocsin/internal/platform/job"
)

const refreshEvery = 15 * time.Second

// Register makes Refresh a periodic job of the world, and has whoever looks first find the findings read.
func (s *Situation) Register(q *job.Queue) {
	q.Periodic("situation.refresh", refreshEvery, func(ctx context.Context, _ job.Job) error {
		if _, err := s.Refresh(ctx); err != nil {
			return err
		}
		_, err := s.Picture(ctx, Month)
		return err
	})
}
