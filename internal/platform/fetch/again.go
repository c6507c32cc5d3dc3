package fetch

import (
	"context"
	"errors"
	"net/url"
	"time"

	"tocsin/internal/platform/fault"
)

// again tries fn until it succeeds, fails for good or was tried often enough, with growing pauses. What still fails then
// is a fault of kind Unavailable, because later it may pass.
func (c *Client) again(ctx context.Context, address string, fn func(context.Context) error) error {
	for i := 1; ; i++ {
		err := bare(fn(ctx))
		if err == nil || ctx.Err() != nil || !passing(err) {
			return err
		}
		if i == c.o.Attempts {
			return fault.New(fault.Unavailable, "after %d attempts: %w", i, err)
		}
		pause := time.Second << min(2*(i-1), 10) // 1 s, 4 s, 16 s …
		var status *StatusError
		if errors.As(err, &status) && status.RetryAfter > pause {
			pause = status.RetryAfter
		}
		if err := c.o.Wait(ctx, pause); err != nil {
			return err
		}
	}
}

// bare takes the address with its query out of an error.
func bare(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}
