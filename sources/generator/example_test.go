package generator_test

import (
	"fmt"
	"time"

	"cdcpipe/sources/generator"
)

// Produce events to Kafka, and know what the replica must hold in the end.
func Example() {
	cfg := generator.Default()
	cfg.Events = 10_000
	cfg.StartTime = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro()
	g, err := generator.New(cfg)
	if err != nil {
		fmt.Println(err)
		return
	}
	var e generator.Event
	oracle := generator.NewOracle(g)
	for i := range cfg.Events {
		g.Event(i, &e) // produce e.Key and e.Value to e.Topic
		oracle.Apply(i)
	}
	for _, t := range g.Tables() {
		n := 0
		for range oracle.Rows(t, time.Now()) { // compare with SELECT column::text
			n++
		}
		fmt.Println(t, n)
	}
	fmt.Println(oracle.Counts().Outlets)
	// Output:
	// shop.users 780
	// shop.orders 320
	// shop.readings 215
	// shop.keysonly 65
	// shop."MixedCase" 77
	// shop.everything 92
	// map[dead_letter:4]
}
