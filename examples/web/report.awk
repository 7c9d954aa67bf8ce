# The lines of `cargo test` → a report in the form of JUnit, which CodeBuild shows. Stable Rust writes
# none by itself.
#
#   awk -f report.awk tests.log > report.xml

# What is between quotes and tags. Control characters have no place in XML, escaped or not.
function xml(text) {
    gsub(/&/, "\\&amp;", text)
    gsub(/</, "\\&lt;", text)
    gsub(/>/, "\\&gt;", text)
    gsub(/"/, "\\&quot;", text)
    gsub(/[\001-\010\013-\037]/, "", text)
    return text
}

# test tests::a_page_names_its_version ... ok
/^test .* \.\.\. (ok|FAILED|ignored)/ {
    name = $0
    sub(/^test /, "", name)
    sub(/ \.\.\. .*$/, "", name)
    names[++count] = name
    failed[count] = / \.\.\. FAILED/
    ignored[count] = / \.\.\. ignored/
    failures += failed[count]
    skipped += ignored[count]
    next
}

# What a test that failed has said stands further down, under its name, and above a list of all that
# failed.
/^---- .* stdout ----$/ {
    speaker = $0
    sub(/^---- /, "", speaker)
    sub(/ stdout ----$/, "", speaker)
    next
}
/^failures:$/ { speaker = "" }
speaker != "" { said[speaker] = said[speaker] $0 "\n" }

END {
    print "<?xml version=\"1.0\" encoding=\"UTF-8\"?>"
    counts = "tests=\"%d\" failures=\"%d\" skipped=\"%d\""
    printf "<testsuite name=\"cargo test\" " counts ">\n", count, failures, skipped
    for (n = 1; n <= count; n++) {
        inside = ""
        if (ignored[n]) inside = "<skipped/>"
        if (failed[n]) {
            text = xml(said[names[n]])
            inside = "<failure message=\"failed\">" text "</failure>"
        }
        line = "<testcase classname=\"web\" name=\"%s\" time=\"0\">%s</testcase>\n"
        printf line, xml(names[n]), inside
    }
    print "</testsuite>"
}
