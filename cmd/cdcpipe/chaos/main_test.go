package chaos

import (
	"flag"
	"fmt"
	"os"
	"testing"
)

// roleEnv makes the test's program one of the processes of a schedule.
const roleEnv = "CHAOS_ROLE"

func TestMain(m *testing.M) {
	roles := map[string]func() error{"worker": work, "broker": serveBroker, "redis": serveRedis}
	role := os.Getenv(roleEnv)
	if role == "" {
		if n := os.Getenv("CHAOS_PARALLEL"); n != "" { // more than there are processors: schedules mostly wait
			if err := flag.Set("test.parallel", n); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(2)
			}
		}
		os.Exit(m.Run())
	}
	if err := roles[role](); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
