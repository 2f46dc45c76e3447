package cdcpipe_test

import (
	"testing"

	"cdcpipe/pipeline"
	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/pipelinetest"
)

// A stage of one's own keeps what stages promise.
func TestUpper(t *testing.T) {
	t.Parallel()
	schema, err := cdc.ParseCQL(usersTable)
	if err != nil {
		t.Fatal(err)
	}
	pipelinetest.StageSuite[*cdc.Change, *cdc.Change]{
		New: func(testing.TB) pipeline.Stage[*cdc.Change, *cdc.Change] { return Upper{Column: "email"} },
		Inputs: func() (cs []*cdc.Change) {
			for i := range int32(20) {
				c := &cdc.Change{Table: schema.Tables()[0], Op: cdc.Update, Time: 1, Marker: cdc.Unwritten(), Deleted: cdc.NoTime, Key: []cdc.Value{cdc.AppendInt32(nil, i)}}
				for column := int32(1); column <= i%3; column++ { // age, email
					c.Cells = append(c.Cells, cdc.Cell{Column: column, Stamp: cdc.Stamp{Time: 1}, Value: cdc.Value("abcd")})
				}
				cs = append(cs, c)
			}
			return cs
		},
		Concurrent: true,
	}.Run(t)
}
