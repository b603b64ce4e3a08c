# Prints the targets of a Makefile by their "## words", under their "##@ headings".
BEGIN {
  FS = ":.*## "
  if (terminal && ENVIRON["NO_COLOR"] == "" && ENVIRON["TERM"] != "dumb") {
    bold = "\033[1m"; cyan = "\033[36m"; plain = "\033[0m"
  }
  printf "%sGatepost%s  authentication for Python teams\n", bold, plain
}
/^##@ / { printf "\n%s%s%s\n", bold, substr($0, 5), plain }
/^[a-z][a-z-]*:.*## / { printf "  %s%-14s%s  %s\n", cyan, "make " $1, plain, $2 }
END { print "" }
