# twin_specs.awk - the differences of two outputs of isolationtester
#
# usage: diff --unified=1000000 HEAP EVENTS | awk -f twin_specs.awk
#
# Prints each permutation whose outputs differ, and of it the lines that differ
# ("-" what happens with heap tables, "+" with event tables), each with the last
# step before it that is the same on both sides.  No line numbers, and nothing
# that is the same otherwise, so the result does not depend on the version of the
# server where both sides do alike.

# the file names and the one hunk header
FNR <= 3 { next }
/^ starting permutation:/ { permutation = substr($0, 23); step = ""; shown = 0; next }
/^ step / { sub(/[ \t]+$/, ""); step = $0; next }
/^[-+]starting permutation:/ { print "the outputs do not fit together: " $0; exit 1 }
/^[-+]/ {
	if (!shown) {
		print (any ? "\n" : "") "permutation" permutation
		shown = any = 1
	}
	if (step != "") {
		print step
		step = ""
	}
	line = substr($0, 1, 1) " " substr($0, 2)
	sub(/[ \t]+$/, "", line)
	print line
}
