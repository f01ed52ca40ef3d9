#!/bin/sh
# Opens pages of `wengert explain --html` in a headless browser: each must draw as many nodes as its tape has and run without
# an error, and one is played by its keys and buttons.
# Usage: tests/command/browser.sh TEST_PAGE          (the program that writes the pages)
# Environment: BROWSER_PROGRAM (a chromium), otherwise one that is found; without any the test is skipped.
set -eu
write=$1
browser=${BROWSER_PROGRAM:-}
for candidate in chromium chromium-browser google-chrome google-chrome-stable chrome; do
    [ -n "$browser" ] || browser=$(command -v "$candidate" || true)
done
[ -n "$browser" ] || { echo "browser: skipped, no chromium is there"; exit 77; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# dom PAGE SECONDS: what is in the page after so many seconds of its own clock
dom() {
    "$browser" --headless --no-sandbox --disable-gpu --disable-dev-shm-usage --user-data-dir="$work/profile" \
        --window-size=1600,900 --virtual-time-budget="${2}000" --dump-dom "file://$1" 2> "$work/log"
}
fail() {
    echo "browser: $*"
    tail -n 5 "$work/log"
    exit 1
}
# count WORD FILE: how often it is there
count() { grep -o -- "$1" "$2" | wc -l | tr -d ' '; }

# A browser that cannot even show an empty page says nothing about ours.
echo '<p id="shown">' > "$work/empty.html"
dom "$work/empty.html" 1 | grep -q 'id="shown"' || { echo "browser: skipped, $browser does not run here"; exit 77; }

for name in network large chain infinite; do
    page=$work/$name.html
    "$write" "$name" "$page"
    dom "$page" 3 > "$work/dom"
    nodes=$(count '{"kind":' "$page")
    drawn=$(count '<g class="node[ "]' "$work/dom")
    grep -q 'data-error=' "$work/dom" && fail "$name: $(grep -o 'data-error="[^"]*"' "$work/dom")"
    grep -q "data-ready=\"$nodes nodes" "$work/dom" || fail "$name: the page does not say that it is ready with $nodes nodes"
    [ "$nodes" -eq "$drawn" ] || fail "$name: $drawn nodes are drawn of $nodes"
    echo "browser: $name, $nodes nodes"
done

# The page is told what a person would do, and tells what became of it.
sed 's|</body>||; s|</html>||' "$work/network.html" > "$work/driven.html"
cat >> "$work/driven.html" << 'END'
<script>
(() => {
    const log = [], find = selector => document.querySelector(selector);
    const say = what => log.push(what + ": " + document.documentElement.dataset.step + " " + find("#formula").textContent + " [" + find("#look h2").textContent + "]");
    const key = (name, target) => (target || document.body).dispatchEvent(new KeyboardEvent("keydown", { key: name, bubbles: true, cancelable: true }));
    say("start");
    key("ArrowRight"); say("right");
    key("End"); say("end");
    key("ArrowRight"); say("beyond");
    key("ArrowLeft"); say("left");
    find('[data-node="7"]').dispatchEvent(new MouseEvent("click", { bubbles: true })); say("click");
    key("Enter", find('[data-node="12"]')); say("enter");
    [...document.querySelectorAll("#formula .link")].find(link => link.textContent === "dZ1").click(); say("link");
    find("#slider").value = 6; find("#slider").dispatchEvent(new Event("input")); say("slider");
    find("#first").click(); say("first");
    find("#next").click(); find("#next").click(); find("#back").click(); say("next next back");
    const theme = document.documentElement.dataset.theme;
    find("#theme").click(); log.push("theme: " + (theme !== document.documentElement.dataset.theme));
    log.push("cells: " + document.querySelectorAll("#look td").length);
    find("#speed").value = "700"; find("#first").click(); find("#play").click();
    log.push("play: " + find("#play").textContent);
    setTimeout(() => {
        say("played"); log.push("then: " + find("#play").textContent);
        document.body.append(Object.assign(document.createElement("pre"), { textContent: "LOG\n" + log.join("\n") + "\nEND" }));
    }, 15000);
})();
</script></body></html>
END
cat > "$work/expected" << 'END'
start: 0 13 nodes, 5 steps forward, 9 back [L]
right: 1 Z1 = W1 @ X + b1 [Z1]
end: 14 db1 = sum(dZ1, axis=1, keepdims=true) [b1]
beyond: 14 db1 = sum(dZ1, axis=1, keepdims=true) [b1]
left: 13 dW1 = dZ1 @ X.T [W1]
click: 13 dW1 = dZ1 @ X.T [Z1]
enter: 13 dW1 = dZ1 @ X.T [L]
link: 13 dW1 = dZ1 @ X.T [Z1]
slider: 6 dL = 1 [L]
first: 0 13 nodes, 5 steps forward, 9 back [L]
next next back: 1 Z1 = W1 @ X + b1 [Z1]
theme: true
cells: 42
play: Pause
played: 14 db1 = sum(dZ1, axis=1, keepdims=true) [b1]
then: Play
END
dom "$work/driven.html" 20 > "$work/dom"
sed -n '/LOG$/,/^END/p' "$work/dom" | sed '1d; /^END/,$d' > "$work/seen"
diff "$work/expected" "$work/seen" || fail "the page does not do what is asked of it"
echo "browser: played by keys and buttons"
