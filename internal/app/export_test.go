package app

import (
	"context"
	"fmt"

	"tocsin/internal/platform/web"
)

// Routes lists the routes of the console, for tests that visit all of them.
func (s *Server) Routes(ctx context.Context) ([]web.Route, error) {
	h, err := s.console(ctx)
	if err != nil {
		return nil, err
	}
	console, ok := h.(*web.App)
	if !ok {
		return nil, fmt.Errorf("the console is a %T", h)
	}
	return console.Routes(), nil
}
