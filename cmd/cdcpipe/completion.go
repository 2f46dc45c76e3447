package main

import (
	"fmt"

	"github.com/urfave/cli/v2"
)

// Scripts that ask the program itself what may come next
// (--generate-bash-completion, urfave/cli).
const (
	bashCompletion = `_cdcpipe() {
  local cur opts
  cur="${COMP_WORDS[COMP_CWORD]}"
  if [[ "$cur" == "-"* ]]; then
    opts=$("${COMP_WORDS[@]:0:$COMP_CWORD}" "$cur" --generate-bash-completion)
  else
    opts=$("${COMP_WORDS[@]:0:$COMP_CWORD}" --generate-bash-completion)
  fi
  COMPREPLY=($(compgen -W "$opts" -- "$cur"))
}
complete -o bashdefault -o default -F _cdcpipe cdcpipe
`
	zshCompletion = `#compdef cdcpipe
_cdcpipe() {
  local -a opts
  local cur="${words[-1]}"
  if [[ "$cur" == "-"* ]]; then
    opts=("${(@f)$(${words[@]:0:#words[@]-1} ${cur} --generate-bash-completion)}")
  else
    opts=("${(@f)$(${words[@]:0:#words[@]-1} --generate-bash-completion)}")
  fi
  if [[ "${opts[1]}" != "" ]]; then
    _describe 'values' opts
  else
    _files
  fi
}
compdef _cdcpipe cdcpipe
`
	powershellCompletion = `Register-ArgumentCompleter -Native -CommandName cdcpipe -ScriptBlock {
  param($word, $ast, $position)
  $line = "$ast --generate-bash-completion"
  Invoke-Expression $line | ForEach-Object {
    [System.Management.Automation.CompletionResult]::new($_, $_, 'ParameterValue', $_)
  }
}
`
)

func completionCommand(c console) *cli.Command {
	return &cli.Command{
		Name: "completion", Usage: "print a shell's completion script", ArgsUsage: "bash|zsh|fish|powershell",
		Description: "bash: source <(cdcpipe completion bash)\nzsh:  cdcpipe completion zsh > \"${fpath[1]}/_cdcpipe\"\nfish: cdcpipe completion fish > ~/.config/fish/completions/cdcpipe.fish",
		Action: func(ctx *cli.Context) error {
			var script string
			switch shell := ctx.Args().First(); shell {
			case "bash":
				script = bashCompletion
			case "zsh":
				script = zshCompletion
			case "powershell":
				script = powershellCompletion
			case "fish":
				var err error
				if script, err = ctx.App.ToFishCompletion(); err != nil {
					return fmt.Errorf("write the fish completion: %w", err)
				}
			default:
				return usage("completion: %q is none of bash, zsh, fish, powershell", shell)
			}
			_, err := fmt.Fprint(c.out, script)
			return err
		},
	}
}
