package dbtest

import (
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Kills is how often a crash test kills its process: TOCSIN_TEST_KILLS, or fewer.
func Kills(t testing.TB, fewer int) int {
	t.Helper()
	v := os.Getenv("TOCSIN_TEST_KILLS")
	if v == "" {
		return fewer
	}
	n, err := strconv.Atoi(v)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// Killed runs the test's own program as another process, with an environment that tells it what to do, kills it after a time, 0 for
// never, and tells whether it was. That it ends with an error of its own ends the test.
func Killed(t testing.TB, after time.Duration, env ...string) bool {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), env...)
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if after > 0 {
		defer time.AfterFunc(after, func() { cmd.Process.Kill() }).Stop()
	}
	err := cmd.Wait()
	if ee, ok := err.(*exec.ExitError); ok && ee.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL {
		return true
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	return false
}
