package stages

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/vm"

	"cdcpipe/pipeline/cdc"
)

// An expression is a program of the expr language over one change. It names
// columns as they are, or by $env["a b"] where a name needs it. Besides there are
// _op, _keyspace and _table, strings, and _written, the write time; no column
// has such a name unless it is quoted in CQL.
type expression struct {
	source  string
	program *vm.Program
	columns []string // that it names, sorted
}

// newExpression compiles src; opts say what it must return. Which columns there
// are is not known before a table is: see [expression.fits].
func newExpression(src string, opts ...expr.Option) (*expression, error) {
	program, err := expr.Compile(src, append(opts, expr.AllowUndefinedVariables())...)
	if err != nil {
		return nil, fmt.Errorf("expression %q: %s", src, oneLine(err))
	}
	var v columnVisitor
	root := program.Node()
	ast.Walk(&root, &v)
	if v.err != nil {
		return nil, fmt.Errorf("expression %q: %w", src, v.err)
	}
	e := &expression{source: src, program: program}
	for _, c := range v.columns {
		if !slices.Contains(v.declared, c) && !strings.HasPrefix(c, "_") && !slices.Contains(e.columns, c) {
			e.columns = append(e.columns, c)
		}
	}
	slices.Sort(e.columns)
	return e, nil
}

// oneLine is the first line of an error of the compiler, which draws the rest.
func oneLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}

// columnVisitor finds the columns that an expression names.
type columnVisitor struct {
	columns, declared []string
	err               error
}

// Visit is called for every node, a parent after its children.
func (v *columnVisitor) Visit(n *ast.Node) {
	switch n := (*n).(type) {
	case *ast.VariableDeclaratorNode:
		v.declared = append(v.declared, n.Name)
	case *ast.IdentifierNode:
		if n.Value != "$env" {
			v.columns = append(v.columns, n.Value)
		}
	case *ast.MemberNode:
		if of, ok := n.Node.(*ast.IdentifierNode); ok && of.Value == "$env" {
			name, ok := n.Property.(*ast.StringNode)
			if !ok {
				v.err = errors.New("$env needs the name of a column in quotes")
				return
			}
			v.columns = append(v.columns, name.Value)
		}
	}
}

// fits reports columns that e names and t lacks.
func (e *expression) fits(t *cdc.Table) error {
	for _, c := range e.columns {
		if _, ok := t.Column(c); !ok {
			return fmt.Errorf("expression %q names %q, which is no column of %s", e.source, c, t)
		}
	}
	return nil
}

// An environment is what expressions see of one change. It is used again for
// the next.
type environment map[string]any

// fill sets the columns that c carries and leaves out the others.
func (env environment) fill(c *cdc.Change) {
	clear(env)
	t := c.Table
	for i, v := range c.Key {
		env[t.Columns[i].Name] = goValue(t.Columns[i].Type, v)
	}
	for i := range c.Cells {
		col := &t.Columns[c.Cells[i].Column]
		env[col.Name] = goValue(col.Type, c.Cells[i].Value)
	}
	env["_op"], env["_keyspace"], env["_table"] = c.Op.String(), t.Keyspace, t.Name
	env["_written"] = time.UnixMicro(c.Time).UTC()
}

// carries reports whether env has every column that e names. A change carries
// only what was written.
func (env environment) carries(e *expression) bool {
	for _, c := range e.columns {
		if _, ok := env[c]; !ok {
			return false
		}
	}
	return true
}

// run evaluates e. Its errors are about the change, and never quote values: the
// evaluator's own message does.
func (env environment) run(e *expression) (any, error) {
	x, err := expr.Run(e.program, map[string]any(env))
	if err != nil {
		return nil, fmt.Errorf("expression %q cannot be evaluated for this change", e.source)
	}
	return x, nil
}

// test is run for an expression that returns a boolean.
func (env environment) test(e *expression) (bool, error) {
	x, err := env.run(e)
	if err != nil {
		return false, err
	}
	b, ok := x.(bool)
	if !ok {
		return false, fmt.Errorf("expression %q gives %T, not true or false", e.source, x)
	}
	return b, nil
}
