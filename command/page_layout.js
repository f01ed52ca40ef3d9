"use strict";
// The layout of the graph: layers by the longest path, few crossings, straight wires (K. Sugiyama, S. Tagawa, M. Toda,
// Methods for visual understanding of hierarchical system structures, 1981). label(node) and shapeText(shape) are what is
// written into a node. Gives the items, which are nodes, bends of long wires, and names of leaves used again, each with the
// place of its middle; and the wires.
const layout = (nodes, label, shapeText) => {
    const rank = nodes.map(() => 0);
    nodes.forEach(node => node.inputs.forEach(k => { rank[node.i] = Math.max(rank[node.i], rank[k] + 1); }));
    // a leaf, and what is made of one leaf alone, such as W.T, goes to where it is used first
    const late = [];
    for (let i = nodes.length - 1; i >= 0; i--) {
        const node = nodes[i];
        if (!node.users.length || !(node.leaf || (new Set(node.inputs).size === 1 && nodes[node.inputs[0]].leaf))) continue;
        rank[i] = Math.min(...node.users.map(k => rank[k])) - 1;
        late[i] = true;
    }
    const items = nodes.map(node => {
        const width = Math.max(10.4 * label(node).length, 7.8 * Math.max(node.kind.length, shapeText(node.shape).length, node.name || node.leaf ? 0 : node.formula.length)) + 30;
        return { node, rank: rank[node.i], width: Math.min(Math.max(width, 78), 210), height: 64, before: [], after: [], y: 0 };
    });
    const wires = [];
    let room = 20000;
    for (const node of nodes) for (const k of new Set(node.inputs)) {
        const wire = { from: k, to: node.i, via: [] };
        const gap = rank[node.i] - rank[k];
        let last = items[k];
        // a leaf that is used again far from its first use is there a second time, by its name alone
        if (nodes[k].leaf && gap > 3) {
            last = { again: nodes[k], rank: rank[node.i] - 1, width: Math.min(10.4 * label(nodes[k]).length + 24, 210), height: 32, before: [], after: [], y: 0 };
            items.push(last);
            wire.again = last;
            last.after.push(items[node.i]); items[node.i].before.push(last);
            wires.push(wire);
            continue;
        }
        if (gap > 1 && (room -= gap) > 0)
            for (let r = rank[k] + 1; r < rank[node.i]; r++) {
                const dummy = { rank: r, width: 0, height: 14, before: [], after: [], y: 0 };
                last.after.push(dummy); dummy.before.push(last);
                items.push(dummy); wire.via.push(dummy);
                last = dummy;
            }
        last.after.push(items[node.i]); items[node.i].before.push(last);
        wires.push(wire);
    }
    const layers = [];
    items.forEach(item => (layers[item.rank] = layers[item.rank] || []).push(item));
    const number = () => layers.forEach(layer => layer.forEach((item, k) => { item.k = k; }));
    const crossings = () => {
        let count = 0;
        for (const layer of layers) {
            const ends = [];
            layer.forEach(item => item.after.map(x => x.k).sort((a, b) => a - b).forEach(k => ends.push(k)));
            if (ends.length > 2000) return 0;
            for (let a = 0; a < ends.length; a++) for (let b = a + 1; b < ends.length; b++) if (ends[a] > ends[b]) count++;
        }
        return count;
    };
    number();
    let best = crossings(), order = layers.map(layer => layer.slice());
    for (let round = 0; round < 12 && best; round++) {
        const down = round % 2 === 0, side = down ? "before" : "after";
        for (const layer of down ? layers : layers.slice().reverse()) {
            layer.forEach(item => { item.key = item[side].length ? item[side].reduce((s, x) => s + x.k, 0) / item[side].length : item.k; });
            layer.sort((a, b) => a.key - b.key || a.k - b.k).forEach((item, k) => { item.k = k; });
        }
        const count = crossings();
        if (count < best) { best = count; order = layers.map(layer => layer.slice()); }
    }
    order.forEach((layer, r) => { layers[r] = layer; });
    number();
    // results lie in line with the results that they are made of, and leaves beside them
    const aside = item => item.again || (item.node && late[item.node.i]);
    const mean = list => {
        const main = list.filter(x => !aside(x));
        return (main.length ? main : list).reduce((s, x) => s + x.y, 0) / (main.length || list.length);
    };
    // y: as near to the neighbours' mean as the order and the heights allow, by pooling those that would overlap
    const settle = (layer, wish) => {
        const blocks = [];
        let offset = 0;
        layer.forEach((item, k) => {
            if (k) offset += (layer[k - 1].height + item.height) / 2 + (item.node && layer[k - 1].node ? 20 : 14);
            item.offset = offset;
            const weight = aside(item) ? .02 : item.node ? 1 : 3;
            let block = { sum: (wish(item) - offset) * weight, weight, count: 1 };
            while (blocks.length && blocks[blocks.length - 1].sum / blocks[blocks.length - 1].weight > block.sum / block.weight) {
                const above = blocks.pop();
                block = { sum: above.sum + block.sum, weight: above.weight + block.weight, count: above.count + block.count };
            }
            blocks.push(block);
        });
        let k = 0;
        for (const block of blocks) for (let c = 0; c < block.count; c++, k++) layer[k].y = block.sum / block.weight + layer[k].offset;
    };
    layers.forEach(layer => settle(layer, () => 0));
    for (let round = 0; round < 24; round++) {
        const down = round % 2 === 0;
        for (const layer of down ? layers : layers.slice().reverse())
            settle(layer, item => {
                const near = round > 19 ? item.before.concat(item.after) : down ? item.before : item.after;
                return near.length ? mean(near) : item.y;
            });
    }
    let x = 0;
    layers.forEach(layer => {
        const width = Math.max(...layer.map(item => item.width));
        layer.forEach(item => { item.x = x + width / 2; });
        x += width + 44;
    });
    const top = Math.min(...items.map(item => item.y - item.height / 2)) - 8;
    items.forEach(item => { item.y -= top; });
    return { items, wires, width: x - 44 + 16, height: Math.max(...items.map(item => item.y + item.height / 2)) + 8 };
};
