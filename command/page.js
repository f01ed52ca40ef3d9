// The page: reads the data, draws the graph, shows nodes, and plays the steps.

// ---- the data ---------------------------------------------------------------------------------------------------
const data = JSON.parse(document.getElementById("data").textContent);
const nodes = data.nodes;
const byName = new Map();
nodes.forEach((node, i) => {
    node.i = i;
    node.users = [];
    node.contributions = [];
    node.parts = [];
    if (!node.name) return;
    // the second value of a name goes by name#2
    let k = 1;
    while (byName.has(node.name + (k > 1 ? "#" + k : ""))) k++;
    if (k > 1) node.name += "#" + k;
    byName.set(node.name, node);
});
nodes.forEach(node => new Set(node.inputs).forEach(k => nodes[k].users.push(node.i)));
for (const event of data.sweep) {
    if ("node" in event) nodes[event.node].adjoint = event.adjoint;
    else nodes[event.to].contributions.push(event);
}

const number = (x, digits) => {
    if (typeof x === "string") return x;
    if (x === undefined || x === null) return "?";
    if (x === 0) return "0";
    if (Number.isInteger(x) && Math.abs(x) < 1e6) return String(x);
    const size = Math.abs(x);
    if (size >= 1e5 || size < 1e-4) return x.toExponential(digits - 1).replace("e+", "e");
    return String(+x.toPrecision(digits));
};
const shapeText = shape => "(" + shape.join(",") + ")";
const isVariable = node => node.leaf && (node.kind === "variable" || data.wrt.includes(node.i));
const label = node => {
    if (node.name) return node.name;
    if (node.leaf && node.value && node.value.size === 1) return number(node.value.numbers[0], 4);
    return node.kind;
};

// The steps: forward, each named result in the order of the tape; backward, the lines of the sweep.
const steps = [];
for (const node of nodes)
    if (!node.leaf && node.name)
        steps.push({ phase: "forward", node, left: node.name, right: node.formula, array: node.value });
const forwardCount = steps.length;
for (const line of data.explained.split("\n")) {
    const at = line.indexOf(" = ");
    if (at < 0) continue;
    const left = line.slice(0, at).trim(), end = /\s{3}(\([0-9,]*\))\s{3}(\|[^|]*\| = .*)$/.exec(line);
    const right = line.slice(at + 3, end ? end.index : line.length).trim();
    const node = left[0] === "d" ? byName.get(left.slice(1)) : undefined;
    // a line without a node is a part of the formulas after it
    steps.push({ phase: "backward", node, left, right, array: node && node.adjoint, meta: end ? end[1] + "   " + end[2] : "" });
}
// A result without a name belongs to the step of the one that uses it.
for (let i = nodes.length - 1; i >= 0; i--) {
    const node = nodes[i];
    node.step = node.leaf || node.name || !node.users.length ? node : nodes[node.users[node.users.length - 1]].step;
    if (node.step !== node) node.step.parts.push(node);
}
steps.forEach((step, k) => { if (step.node) step.node[step.phase] = k + 1; });

// The names in a formula, as pieces of text and of { node, adjoint }.
const named = word => byName.get(word) || (word[0] === "d" ? byName.get(word.slice(1)) : undefined);
const pieces = text => text.split(/([\p{L}_][\p{L}\p{N}_]*(?:[.][\p{L}_][\p{L}\p{N}_]*)*(?:#\d+)?)/u).flatMap((word, k) => {
    if (k % 2 === 0) return [word];
    // in A.T the name is A, in fc1.weight.T it is fc1.weight
    for (let end = word.length; end > 0; end = word.lastIndexOf(".", end - 1)) {
        const node = named(word.slice(0, end));
        if (node) return [{ word: word.slice(0, end), node }, word.slice(end)];
    }
    return [word];
});

// ---- drawing ----------------------------------------------------------------------------------------------------------
const element = (name, attributes, ...children) => {
    const svg = ["svg", "g", "rect", "text", "path", "marker", "defs", "title"].includes(name);
    const e = svg ? document.createElementNS("http://www.w3.org/2000/svg", name) : document.createElement(name);
    for (const key in attributes) {
        if (key.startsWith("on")) e.addEventListener(key.slice(2), attributes[key]);
        else e.setAttribute(key, attributes[key]);
    }
    e.append(...children);
    return e;
};
const $ = id => document.getElementById(id);
const shorten = (text, most) => text.length > most ? text.slice(0, most - 1) + "\u2026" : text;

const describe = node => label(node) + ", " + (node.leaf ? node.kind : "result of " + node.kind) + ", shape " +
    (node.shape.join(" by ") || "of a scalar") + (node.value ? ", norm " + number(node.value.norm, 3) : "");

const picture = layout(nodes, label, shapeText);
const drawNode = item => {
    const { node, width, height } = item, x = item.x - width / 2 + 8, y = item.y - height / 2;
    const text = (cls, dy, content) => element("text", { class: cls, x: x + width / 2, y: y + dy, "text-anchor": "middle" }, content);
    const top = label(node), kind = node.leaf ? (node.kind === top ? "" : node.kind) : node.name ? node.kind : node.formula;
    node.g = element("g", {
        class: "node" + (node.leaf ? " leaf" : "") + (isVariable(node) ? " variable" : "") + (node.i === data.scalar ? " scalar" : ""),
        tabindex: 0, role: "button", "aria-label": describe(node), "data-node": node.i,
        onclick: () => { pause(); choose(node); },
        onkeydown: event => { if (event.key === "Enter" || event.key === " ") { event.preventDefault(); event.stopPropagation(); pause(); choose(node); } },
    },
        element("title", {}, describe(node)),
        element("rect", { class: "ring", x: x - 5, y: y - 5, width: width + 10, height: height + 10, rx: 12 }),
        element("rect", { class: "box", x, y, width, height, rx: 9 }),
        element("rect", { class: "bar forward", x: x + 5, y: y + 8, width: 5, height: height - 16, rx: 2 }),
        element("rect", { class: "bar backward", x: x + width - 10, y: y + 8, width: 5, height: height - 16, rx: 2 }),
        text("name", 23, shorten(top, 18)), text("kind", 40, shorten(kind, 23)), text("shape", 55, shapeText(node.shape)));
    return node.g;
};
// The name of a leaf where it is used again.
const drawAgain = item => {
    const { again, width, height } = item, x = item.x - width / 2 + 8, y = item.y - height / 2;
    item.g = element("g", { class: "again" + (isVariable(again) ? " variable" : ""), onclick: () => { pause(); choose(again); } },
        element("title", {}, describe(again)),
        element("rect", { x, y, width, height, rx: 9 }),
        element("text", { class: "name", x: x + width / 2, y: y + 21, "text-anchor": "middle" }, shorten(label(again), 18)));
    return item.g;
};
const drawWire = wire => {
    const a = wire.again || picture.items[wire.from], b = picture.items[wire.to];
    const points = [[a.x + a.width / 2 + 8, a.y], ...wire.via.map(d => [d.x + 8, d.y]), [b.x - b.width / 2 + 6, b.y]];
    let d = "M" + points[0];
    for (let k = 1; k < points.length; k++) {
        const [x0, y0] = points[k - 1], [x1, y1] = points[k], bend = Math.max((x1 - x0) / 2, 12);
        d += " C" + [x0 + bend, y0, x1 - bend, y1, x1, y1];
    }
    wire.path = element("path", { class: "wire", d, "data-wire": wire.from + "-" + wire.to });
    return wire.path;
};
const tip = (id, back) => element("marker", {
    id, viewBox: "0 0 10 10", refX: back ? 2 : 8, refY: 5, markerWidth: 11, markerHeight: 11, markerUnits: "userSpaceOnUse", orient: back ? "auto-start-reverse" : "auto",
}, element("path", { d: "M0 0 L10 5 L0 10 z" }));
const svg = element("svg", { viewBox: "0 0 " + picture.width + " " + picture.height, role: "group", "aria-label": "Graph of " + nodes.length + " nodes" },
    element("defs", {}, tip("tip"), tip("tip-forward"), tip("tip-backward", true)),
    element("g", {}, ...picture.wires.map(drawWire)), element("g", {}, ...picture.items.filter(item => item.again).map(drawAgain), ...picture.items.filter(item => item.node).map(drawNode)));
$("graph").append(svg);

let zoom = 1;
const resize = () => { svg.setAttribute("width", picture.width * zoom); svg.setAttribute("height", picture.height * zoom); };
const fit = () => {
    const room = $("graph"), wide = (room.clientWidth - 34) / picture.width, high = (room.clientHeight - 34) / picture.height;
    zoom = Math.min(Math.max(Math.min(wide, high), .68), 1.9); // a large graph stays readable and is scrolled
    resize();
};

// ---- looking into a node ------------------------------------------------------------------------------------------------
const link = (node, text) => element("button", { class: "link", onclick: () => { pause(); choose(node); } }, text);
const formulaParts = text => pieces(text).map(piece => typeof piece === "string" ? piece : link(piece.node, piece.word));

const heat = (x, largest) => {
    if (typeof x === "string" || !largest || x === 0) return "";
    return "background: color-mix(in srgb, var(--" + (x < 0 ? "negative" : "positive") + ") " + (68 * Math.min(Math.abs(x) / largest, 1)).toFixed(1) + "%, var(--surface))";
};
const largestOf = array => Math.max(Math.abs(array.min || 0), Math.abs(array.max || 0));

const matrix = (array, shape, slice, caption) => {
    const largest = largestOf(array), table = element("table", {});
    // a vector goes on in the next row
    const wrap = shape.length === 1 && array.columns > 6, columns = wrap ? 6 : array.columns, rows = wrap ? Math.ceil(array.columns / 6) : array.rows;
    table.append(element("caption", {}, caption));
    const head = element("tr", {}, element("td", {}));
    for (let j = 0; j < columns; j++) head.append(element("th", { scope: "col" }, (wrap ? "+" : "") + j));
    if (shape.length) table.append(element("thead", {}, head));
    const body = element("tbody", {});
    for (let i = 0; i < rows; i++) {
        const row = element("tr", {});
        if (shape.length) row.append(element("th", { scope: "row" }, wrap ? String(i * columns) : shape.length > 1 ? String(i) : ""));
        for (let j = 0; j < columns && !(wrap && i * columns + j >= array.columns); j++) {
            const x = array.numbers[wrap ? i * columns + j : (slice * rows + i) * columns + j];
            row.append(element("td", { style: heat(x, largest), class: typeof x === "string" ? "odd" : "", title: String(x) }, number(x, 4)));
        }
        body.append(row);
    }
    table.append(body);
    return element("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": caption }, table);
};
// The whole of a matrix of which the table shows a part.
const thumbnail = array => {
    const { rows, columns, numbers } = array.picture, size = Math.max(3, Math.floor(320 / Math.max(rows, columns, 10)));
    const canvas = element("canvas", { width: columns * size, height: rows * size, role: "img", "aria-label": "The whole matrix as colours" });
    const draw = canvas.getContext("2d"), style = getComputedStyle(document.documentElement), largest = largestOf(array);
    for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) {
        const x = numbers[i * columns + j];
        draw.globalAlpha = 1;
        draw.fillStyle = style.getPropertyValue("--surface");
        draw.fillRect(j * size, i * size, size, size);
        draw.globalAlpha = typeof x === "string" ? 1 : largest ? Math.min(Math.abs(x) / largest, 1) : 0;
        draw.fillStyle = style.getPropertyValue(typeof x === "string" ? "--odd" : x < 0 ? "--negative" : "--positive");
        draw.fillRect(j * size, i * size, size, size);
    }
    return canvas;
};
const arrayView = (array, shape) => {
    const view = [];
    if (array.size > 1 && array.nonfinite < array.size)
        view.push(element("p", {}, "min " + number(array.min, 4) + ", max " + number(array.max, 4) + ", mean " + number(array.mean, 4) + ", norm " + number(array.norm, 4)));
    if (array.nonfinite) view.push(element("p", {}, array.nonfinite + " of " + array.size + (array.size === 1 ? " is" : " are") + " not finite" + (array.nonfinite < array.size ? "; the numbers above are the others'" : "")));
    if (array.zeros && array.size > 1) view.push(element("p", {}, array.zeros + " of " + array.size + " are zero"));
    if (!array.size) return [element("p", {}, "empty")];
    const total = shape.slice(0, -2).reduce((a, b) => a * b, 1), rows = shape.length > 1 ? shape[shape.length - 2] : 1, columns = shape.length ? shape[shape.length - 1] : 1;
    for (let slice = 0; slice < array.slices; slice++) {
        let caption = "";
        if (shape.length > 2) {
            let rest = slice;
            const at = shape.slice(0, -2).reverse().map(extent => { const k = rest % extent; rest = Math.floor(rest / extent); return k; }).reverse();
            caption = "[" + at.join(", ") + "] ";
        }
        if (array.rows < rows) caption += "the first " + array.rows + " of " + rows + " rows ";
        if (array.columns < columns) caption += (array.rows < rows ? "and " : "the first ") + array.columns + " of " + columns + " columns";
        view.push(matrix(array, shape, slice, caption.trim()));
    }
    if (array.slices < total) view.push(element("p", {}, "the first " + array.slices + " of " + total + " matrices; the page does not have the others"));
    if (array.picture)
        view.push(element("p", {}, total > 1 ? "The whole of the first matrix:" : "The whole, each square the entry of largest magnitude there:"), thumbnail(array));
    return view;
};

let chosen = null;
const look = () => {
    const node = chosen, side = $("look");
    side.replaceChildren();
    if (!node) return;
    const adjointFirst = current > forwardCount;
    side.append(element("h2", {}, label(node)));
    side.append(element("p", {}, (node.leaf ? (isVariable(node) ? "variable" : node.kind) : node.kind) + " ", element("code", {}, shapeText(node.shape)), node.attributes ? " " + node.attributes : ""));
    if (node.formula) side.append(element("p", {}, element("code", {}, (node.name ? node.name + " = " : ""), ...formulaParts(node.formula))));
    const value = [element("h3", { class: "forward" }, "Value")];
    value.push(...(node.value ? arrayView(node.value, node.shape) : [element("p", {}, "none that could be read")]));
    const adjoint = [element("h3", { class: "backward" }, "Adjoint: d" + label(nodes[data.scalar]) + " / d" + (node.name || "this"))];
    if (node.adjoint) {
        const step = steps.find(s => s.phase === "backward" && s.node === node);
        if (step) adjoint.push(element("p", {}, element("code", {}, step.left + " = ", ...formulaParts(step.right))));
        adjoint.push(...arrayView(node.adjoint, node.shape));
        if (node.contributions.length) {
            const one = node.contributions.length === 1;
            adjoint.push(element("p", {}, one ? "It comes from:" : "It is the sum of " + node.contributions.length + " contributions:"));
            adjoint.push(element("ul", {}, ...node.contributions.map(c => element("li", {}, link(nodes[c.from], label(nodes[c.from])), ", norm " + number(c.norm === undefined ? "nan" : c.norm, 4)))));
        }
    } else {
        adjoint.push(element("p", {}, data.wrt.includes(node.i) ? "zero: nothing arrives here" : "none: the sweep does not pass here"));
    }
    side.append(...(adjointFirst ? [...adjoint, ...value] : [...value, ...adjoint]));
    side.scrollTop = 0;
};
const choose = node => {
    if (chosen && chosen.g) chosen.g.classList.remove("chosen");
    chosen = node;
    node.g.classList.add("chosen");
    look();
};

// ---- playing -------------------------------------------------------------------------------------------------------------
let current = 0, timer = 0;
const wireClass = () => {
    const step = steps[current - 1];
    // backward: the node that the step is about, and the nameless results between it and those that have an adjoint already
    const reach = new Set(step && step.node && step.phase === "backward" ? [step.node] : []);
    reach.forEach(node => node.contributions.forEach(c => { if (nodes[c.from].step !== nodes[c.from]) reach.add(nodes[c.from]); }));
    for (const wire of picture.wires) {
        const from = nodes[wire.from], to = nodes[wire.to];
        let cls = "wire";
        if (step && step.phase === "forward" && to.step === step.node) cls += " forward";
        if (reach.has(from) && from.adjoint && to.adjoint) cls += " backward";
        wire.path.setAttribute("class", cls);
        if (wire.again) wire.again.g.classList.toggle("later", to.g.classList.contains("later"));
    }
};
const show = at => {
    current = Math.max(0, Math.min(at, steps.length));
    const step = steps[current - 1];
    document.documentElement.dataset.step = current;
    $("slider").value = current;
    $("slider").setAttribute("aria-valuetext", step ? step.phase + ": " + step.left + " = " + step.right : "overview");
    $("line").className = "line" + (step ? " " + step.phase + (step.right.length > 48 ? " long" : "") : "");
    const operands = new Set();
    if (step) {
        const parts = pieces(step.right);
        parts.forEach(piece => { if (typeof piece !== "string") operands.add(piece.node); });
        $("phase").textContent = step.phase + " " + (step.phase === "forward" ? current + " of " + forwardCount : (current - forwardCount) + " of " + (steps.length - forwardCount));
        $("formula").replaceChildren(step.node ? link(step.node, step.left) : step.left, " = ", ...formulaParts(step.right));
        const array = step.array;
        $("meta").textContent = !step.node ? step.meta : shapeText(step.node.shape) + (!array ? "" : array.size === 1 ? "   " + step.left + " = " + number(array.numbers[0], 6) : "   |" + step.left + "| = " + number(array.norm, 4));
    } else {
        $("phase").textContent = "overview";
        $("formula").textContent = nodes.length + " nodes, " + forwardCount + " steps forward, " + (steps.length - forwardCount) + " back";
        $("meta").textContent = data.dtype === "f32" ? "float32" : "float64";
    }
    for (const node of nodes) {
        const owner = node.step, valued = node.leaf || !current || (owner.forward || 0) <= current;
        const swept = current > forwardCount && node.adjoint && (owner.backward || Infinity) <= current;
        const list = node.g.classList;
        list.toggle("valued", Boolean(current && !node.leaf && valued));
        list.toggle("swept", Boolean(swept));
        list.toggle("later", Boolean(!valued));
        list.toggle("now", Boolean(step && step.node === node));
        list.toggle("back", Boolean(step && step.phase === "backward"));
        list.toggle("operand", operands.has(node) && (!step || step.node !== node));
    }
    wireClass();
    if (step && step.node) {
        choose(step.node);
        const room = $("graph"), box = step.node.g.getBoundingClientRect(), frame = room.getBoundingClientRect();
        if (box.left < frame.left || box.right > frame.right || box.top < frame.top || box.bottom > frame.bottom)
            room.scrollBy({ left: box.left - frame.left - frame.width / 2 + box.width / 2, top: box.top - frame.top - frame.height / 2 + box.height / 2 });
    }
    $("back").disabled = $("first").disabled = current === 0;
    $("next").disabled = $("last").disabled = current === steps.length;
};
const pause = () => {
    clearInterval(timer);
    timer = 0;
    $("play").textContent = "Play";
};
const start = () => {
    if (current === steps.length) show(0);
    clearInterval(timer);
    timer = setInterval(() => { if (current < steps.length) show(current + 1); if (current === steps.length) pause(); }, +$("speed").value);
    $("play").textContent = "Pause";
    show(current + 1);
};
const toggle = () => timer ? pause() : start();
const go = at => { pause(); show(at); };

$("first").onclick = () => go(0);
$("back").onclick = () => go(current - 1);
$("next").onclick = () => go(current + 1);
$("last").onclick = () => go(steps.length);
$("play").onclick = toggle;
$("speed").onchange = () => { if (timer) start(); };
$("slider").max = steps.length;
$("slider").oninput = event => go(+event.target.value);
document.addEventListener("keydown", event => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.target.tagName === "SELECT" || event.target.type === "range") return;
    const action = { ArrowLeft: () => go(current - 1), ArrowRight: () => go(current + 1), Home: () => go(0), End: () => go(steps.length) }[event.key];
    if (action && !event.target.closest(".scroll")) { event.preventDefault(); action(); }
    if (event.key === " " && event.target.tagName !== "BUTTON") { event.preventDefault(); toggle(); }
});
$("fit").onclick = fit;
$("smaller").onclick = () => { zoom /= 1.2; resize(); };
$("larger").onclick = () => { zoom *= 1.2; resize(); };
const setTheme = dark => {
    document.documentElement.dataset.theme = dark ? "dark" : "light";
    $("theme").textContent = dark ? "Light" : "Dark";
    look();
};
$("theme").onclick = () => setTheme(document.documentElement.dataset.theme !== "dark");

// #step=7&node=W1&theme=dark opens the page there, #play=1 playing
const asked = new URLSearchParams(location.hash.slice(1));
const dark = matchMedia("(prefers-color-scheme: dark)");
setTheme(asked.has("theme") ? asked.get("theme") === "dark" : dark.matches);
dark.onchange = () => setTheme(dark.matches);
$("title").textContent = data.title.trim().replace(/\s*\n\s*/g, "; ");
document.title = "wengert explain: " + $("title").textContent;
fit();
addEventListener("resize", fit);
choose(nodes[data.scalar]);
show(+(asked.get("step") || 0));
if (asked.has("node") && byName.has(asked.get("node"))) choose(byName.get(asked.get("node")));
if (asked.has("play")) start();
document.documentElement.dataset.ready = nodes.length + " nodes, " + forwardCount + " forward, " + (steps.length - forwardCount) + " backward";
