/** A chart of up to 15 minutes, drawn by uPlot, which is loaded with the first one. */
import type uPlot from 'uplot';
import { el, setAttribute, setText } from './dom.ts';
import { timeOfDay } from './format.ts';
import type { HistoryGroup } from './history.ts';

export interface ChartLine {
  readonly label: string;
  /** CSS custom property with its colour, "--line-1". */
  readonly color: string;
  /** So that it can be told from others without its colour. */
  readonly dash?: readonly number[];
}

export interface ChartOptions {
  readonly title: string;
  readonly lines: readonly ChartLine[];
  readonly format: (value: number | null) => string;
}

const HEIGHT = 128;
const SPAN_S = 15 * 60;
const LEAST_SPAN_S = 2 * 60;

export class Chart {
  readonly element: HTMLElement;
  readonly #options: ChartOptions;
  readonly #room = el('div', { class: 'chart-room', 'aria-hidden': 'true' });
  readonly #values: readonly HTMLElement[];
  readonly #summary = el('p', { class: 'visually-hidden' });
  #plot: uPlot | null = null;
  #loading = false;
  #gone = false;
  #group: HistoryGroup | null = null;
  #width = 0;
  #hovered: number | null = null;
  #summarised = 0;
  readonly #watch: ResizeObserver;

  constructor(options: ChartOptions) {
    this.#options = options;
    this.#values = options.lines.map(() => el('span', { class: 'chart-value' }));
    const legend = el('ul', { class: 'chart-legend', 'aria-hidden': 'true' });
    options.lines.forEach((line, i) => {
      const swatch = el('span', { class: `swatch${line.dash === undefined ? '' : ' dashed'}` });
      swatch.style.setProperty('--swatch', `var(${line.color})`);
      legend.append(el('li', {}, swatch, `${line.label} `, this.#values[i]!));
    });
    this.element = el('figure', { class: 'chart' }, el('figcaption', {}, el('span', {}, options.title), legend), this.#room, this.#summary);
    this.#watch = new ResizeObserver(() => {
      const width = Math.floor(this.#room.clientWidth);
      if (width === this.#width || width === 0) return;
      this.#width = width;
      this.#plot?.setSize({ width, height: HEIGHT });
      this.draw();
    });
    this.#watch.observe(this.#room);
  }

  show(group: HistoryGroup): void {
    this.#group = group;
    this.draw();
  }

  draw(): void {
    const group = this.#group;
    if (group === null || this.#width === 0 || this.#gone) return;
    if (this.#plot === null) {
      if (!this.#loading) void this.#load();
      return;
    }
    const { times, values } = group;
    const end = times.at(-1) ?? 0;
    this.#plot.setData([times as number[], ...values.map((v) => v as (number | null)[])], false);
    // What began a minute ago fills the width; later the last 15 minutes do.
    this.#plot.setScale('x', { min: Math.max(end - SPAN_S, Math.min(times[0] ?? end, end - LEAST_SPAN_S)), max: end });
    if (this.#hovered === null) this.#showValues(times.length - 1);
    if (Math.abs(end - this.#summarised) >= 10) {
      this.#summarised = end;
      setText(this.#summary, this.#describe(group));
    }
  }

  /** Colours are read when a plot is made. */
  recolour(): void {
    this.#plot?.destroy();
    this.#plot = null;
    this.draw();
  }

  destroy(): void {
    this.#gone = true;
    this.#watch.disconnect();
    this.#plot?.destroy();
    this.#plot = null;
  }

  #showValues(index: number): void {
    for (const [i, element] of this.#values.entries()) setText(element, this.#options.format(this.#group?.values[i]?.[index] ?? null));
  }

  #describe(group: HistoryGroup): string {
    const parts = this.#options.lines.map((line, i) => {
      const known = group.values[i]!.filter((v) => v !== null);
      if (known.length === 0) return `${line.label}: nothing known`;
      const { format } = this.#options;
      return `${line.label}: now ${format(known.at(-1)!)}, between ${format(Math.min(...known))} and ${format(Math.max(...known))}`;
    });
    return `${this.#options.title}, last 15 minutes. ${parts.join('; ')}.`;
  }

  async #load(): Promise<void> {
    this.#loading = true;
    const { default: UPlot } = await import('uplot');
    this.#loading = false;
    if (this.#gone || this.#plot !== null) return;
    // What a custom property stands for depends on the look; a canvas needs the colour itself.
    const colour = (name: string) => {
      this.#room.style.color = `var(${name})`;
      return getComputedStyle(this.#room).color;
    };
    const axis = {
      stroke: colour('--muted'),
      grid: { stroke: colour('--grid'), width: 1 },
      ticks: { show: false },
      font: '11px system-ui',
    };
    this.#plot = new UPlot(
      {
        width: this.#width,
        height: HEIGHT,
        legend: { show: false },
        cursor: { points: { size: 6 }, drag: { x: false, y: false } },
        scales: { x: { time: true }, y: { range: (_plot, _min, max) => [0, max > 0 ? max * 1.1 : 1] } },
        axes: [
          {
            ...axis,
            size: 22,
            space: 90,
            values: (_plot, ticks) => ticks.map((t) => (t % 60 === 0 ? timeOfDay(t * 1000).slice(0, 5) : timeOfDay(t * 1000))),
          },
          { ...axis, size: 58, space: 34, values: (_plot, ticks) => ticks.map((v) => this.#options.format(v)) },
        ],
        series: [
          {},
          ...this.#options.lines.map((line) => ({
            label: line.label,
            stroke: colour(line.color),
            width: 1.5,
            points: { show: false },
            ...(line.dash === undefined ? {} : { dash: [...line.dash] }),
          })),
        ],
        hooks: {
          setCursor: [
            (plot) => {
              const index = plot.cursor.idx ?? null;
              this.#hovered = (plot.cursor.left ?? -1) < 0 ? null : index;
              this.#showValues(this.#hovered ?? (this.#group?.times.length ?? 1) - 1);
            },
          ],
        },
      },
      [[], ...this.#options.lines.map(() => [])],
      this.#room,
    );
    setAttribute(this.#room, 'data-drawn', 'true');
    this.draw();
  }
}
