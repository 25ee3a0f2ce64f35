// Stacked areas over the last ten minutes, in SVG.
import { h, svg, setText, time } from "./dom.js";

const spanMs = 600_000;
const width = 600;
const height = 150;
/** A pause between points that is a gap: nobody watched. */
const gapMs = 6_000;
const toldEveryMs = 15_000;

export class Chart {
    #series;
    #format;
    #points = [];
    #top = 1;
    #toldAt = 0;
    #areas;
    #lines;
    #values;
    #ticks;
    #image;
    #rows;
    #details;
    #title;

    /**
     * - series: `[{ name, class }]`, the first at the bottom.
     * - format: a value as text.
     */
    constructor(title, series, format, note) {
        this.#title = title;
        this.#series = series;
        this.#format = format;
        this.#areas = series.map(({ class: name }) => svg("path", { class: `area ${name}` }));
        this.#lines = series.map(({ class: name }) => svg("path", { class: `line ${name}`, "vector-effect": "non-scaling-stroke" }));
        this.#values = series.map(() => h("span", { class: "legend-value" }, "–"));
        this.#ticks = [h("span"), h("span"), h("span")];
        const grid = [0, 0.5, 1].map((part) =>
            svg("line", { class: "grid", x1: 0, x2: width, y1: part * height, y2: part * height, "vector-effect": "non-scaling-stroke" }));
        this.#image = svg("svg", {
            role: "img", "aria-label": `${title}: nothing yet`, viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none",
        }, ...grid, ...this.#areas, ...this.#lines.toReversed());
        this.#rows = h("tbody");
        this.#details = h("details", { toggle: () => this.#fillTable() },
            h("summary", {}, "As a table"),
            h("table", { class: "minutes" },
                h("caption", { class: "unseen" }, `${title}, minute by minute`),
                h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Minute"),
                    ...series.map(({ name }) => h("th", { scope: "col", class: "num" }, name)))),
                this.#rows));
        const heading = `chart-${title.toLowerCase().replaceAll(/[^a-z]+/g, "-")}`;
        this.element = h("section", { class: "card chart", "aria-labelledby": heading },
            h("div", { class: "card-head" }, h("h2", { id: heading }, title), h("span", { class: "scope" }, note)),
            h("ul", { class: "legend" }, ...series.map(({ name, class: color }, index) =>
                h("li", {}, h("span", { class: `swatch ${color}`, "aria-hidden": "true" }), name, " ", this.#values[index]))),
            h("div", { class: "plot" },
                h("div", { class: "y", "aria-hidden": "true" }, ...this.#ticks),
                this.#image,
                h("div", { class: "x", "aria-hidden": "true" },
                    h("span", {}, "10 min ago"), h("span", {}, "5 min"), h("span", {}, "now"))),
            this.#details);
    }

    /** Replaces all points: `[{ at, values }]`. */
    begin(points) {
        this.#points = points.slice();
        this.#draw();
    }

    add(point) {
        const last = this.#points.at(-1);
        if (last && point.at <= last.at) return;
        this.#points.push(point);
        while (this.#points.length && this.#points[0].at < point.at - spanMs) this.#points.shift();
        this.#draw();
    }

    #draw() {
        const now = this.#points.at(-1)?.at;
        if (now === undefined) return;
        this.#scale();
        const x = (at) => (width * (at - now + spanMs) / spanMs).toFixed(1);
        const y = (value) => (height - height * Math.min(1, value / this.#top)).toFixed(1);
        const parts = [];
        for (const point of this.#points) {
            const last = parts.at(-1)?.at(-1);
            if (!last || point.at - last.at > gapMs) parts.push([]);
            parts.at(-1).push(point);
        }
        const sum = (point, count) => point.values.slice(0, count).reduce((all, value) => all + value, 0);
        this.#series.forEach((_, index) => {
            const [areas, lines] = [[], []];
            for (const part of parts) {
                const above = part.map((point) => `${x(point.at)} ${y(sum(point, index + 1))}`);
                const below = part.map((point) => `${x(point.at)} ${y(sum(point, index))}`).reverse();
                lines.push(`M${above.join("L")}`);
                areas.push(`M${above.join("L")}L${below.join("L")}Z`);
            }
            this.#areas[index].setAttribute("d", areas.join(""));
            this.#lines[index].setAttribute("d", lines.join(""));
            setText(this.#values[index], this.#format(this.#points.at(-1).values[index]));
        });
        this.#tell(now);
        if (this.#details.open) this.#fillTable();
    }

    /** Grows at once, and shrinks only by much. */
    #scale() {
        const most = Math.max(0, ...this.#points.map((point) => point.values.reduce((all, value) => all + value, 0)));
        if (most > this.#top || most < this.#top * 0.3) this.#top = nice(most);
        [this.#top, this.#top / 2, 0].forEach((value, index) => setText(this.#ticks[index], this.#format(value)));
    }

    #tell(now) {
        if (now - this.#toldAt < toldEveryMs) return;
        this.#toldAt = now;
        const told = this.#series.map(({ name }, index) => {
            const values = this.#points.map((point) => point.values[index]);
            return `${name} ${this.#format(values.at(-1))}, between ${this.#format(Math.min(...values))} and ${this.#format(Math.max(...values))}`;
        });
        this.#image.setAttribute("aria-label", `${this.#title}, last ten minutes: ${told.join("; ")}`);
    }

    #fillTable() {
        const minutes = new Map();
        for (const point of this.#points) {
            const minute = Math.floor(point.at / 60_000) * 60_000;
            minutes.set(minute, [...minutes.get(minute) ?? [], point.values]);
        }
        this.#rows.replaceChildren(...[...minutes].reverse().map(([minute, all]) => h("tr", {},
            h("th", { scope: "row" }, time(minute).slice(0, -3)),
            ...this.#series.map((_, index) => h("td", { class: "num" },
                this.#format(all.reduce((sum, values) => sum + values[index], 0) / all.length))))));
    }
}

/** The next number that is easy to halve. */
function nice(value) {
    if (value <= 0) return 1;
    const size = 10 ** Math.floor(Math.log10(value));
    return [1, 2, 4, 5, 6, 8, 10].map((step) => step * size).find((step) => step >= value * 1.05) ?? 20 * size;
}
