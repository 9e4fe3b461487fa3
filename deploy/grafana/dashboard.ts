// Makes ridethrough.json of panels.ts: node deploy/grafana/dashboard.ts
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Panel, ROWS } from './panels.ts'

const WIDE = 24
const SIZE = { stat: { w: 4, h: 4 }, timeseries: { w: 8, h: 8 } } as const
const DATASOURCE = { type: 'prometheus', uid: '$datasource' }
const INSTANCES = 'label_values({__name__=~"ridethrough_(broker_)?build_info"}, instance)'

export function makeDashboard(): object {
  return {
    title: 'Ridethrough',
    uid: 'ridethrough',
    description: 'Brokers and APIs: who is served, how far behind they are, and what to do about it.',
    tags: ['ridethrough'],
    schemaVersion: 38,
    version: 1,
    editable: true,
    graphTooltip: 1,
    refresh: '10s',
    time: { from: 'now-1h', to: 'now' },
    timezone: '',
    annotations: { list: [] },
    templating: { list: [datasource(), instance()] },
    panels: layOut(),
  }
}

function datasource(): object {
  return { name: 'datasource', label: 'Prometheus', type: 'datasource', query: 'prometheus', current: {}, refresh: 1 }
}

function instance(): object {
  return {
    name: 'instance',
    label: 'Process',
    type: 'query',
    datasource: DATASOURCE,
    definition: INSTANCES,
    query: { qryType: 1, query: INSTANCES, refId: 'instances' },
    refresh: 2,
    sort: 1,
    multi: true,
    includeAll: true,
    current: { selected: true, text: ['All'], value: ['$__all'] },
  }
}

/** From left to right, a new line where it is full or the kind changes. */
function layOut(): object[] {
  const made: object[] = []
  let y = 0
  for (const row of ROWS) {
    made.push({
      id: made.length + 1,
      type: 'row',
      title: row.title,
      collapsed: false,
      panels: [],
      gridPos: { x: 0, y, w: WIDE, h: 1 },
    })
    y += 1
    let x = 0
    let height = 0
    let before: Panel['type'] | undefined
    for (const panel of row.panels) {
      const { w, h } = SIZE[panel.type]
      if (x + w > WIDE || (before !== undefined && before !== panel.type)) {
        y += height
        x = 0
      }
      made.push({ id: made.length + 1, ...shown(panel), gridPos: { x, y, w, h } })
      x += w
      height = h
      before = panel.type
    }
    y += height
  }
  return made
}

function shown(panel: Panel): object {
  const { type, title, description, queries } = panel
  return {
    type,
    title,
    description,
    datasource: DATASOURCE,
    targets: queries.map(([expr, legendFormat], index) => ({
      refId: String.fromCharCode(65 + index),
      datasource: DATASOURCE,
      expr,
      legendFormat,
      instant: type === 'stat',
      range: type !== 'stat',
    })),
    fieldConfig: { defaults: fieldDefaults(panel), overrides: [] },
    options: type === 'stat' ? statOptions(panel) : LINES,
  }
}

function fieldDefaults({ type, unit, texts, noValue, red, yellow, ...panel }: Panel): object {
  const mappings = texts
    ? [{ type: 'value', options: Object.fromEntries(Object.entries(texts).map(([value, text]) => [value, { text }])) }]
    : []
  const hasThresholds = red !== undefined && yellow !== undefined
  const steps = hasThresholds ? thresholds(yellow, red, panel.isBadWhenLow ?? false) : [{ color: 'green', value: null }]
  return {
    unit,
    mappings,
    ...(noValue === undefined ? {} : { noValue }),
    thresholds: { mode: 'absolute', steps },
    ...(type === 'stat'
      ? {}
      : {
          min: 0,
          custom: { fillOpacity: 10, showPoints: 'never', thresholdsStyle: { mode: hasThresholds ? 'dashed' : 'off' } },
        }),
  }
}

/** Each holds from its value upwards. */
function thresholds(yellow: number, red: number, isBadWhenLow: boolean): object[] {
  if (!isBadWhenLow) return [step('green', null), step('yellow', yellow), step('red', red)]
  return red === yellow
    ? [step('red', null), step('green', yellow)]
    : [step('red', null), step('yellow', red), step('green', yellow)]
}

function step(color: string, value: number | null): object {
  return { color, value }
}

function statOptions({ showsNames }: Panel): object {
  return {
    colorMode: 'background',
    graphMode: 'none',
    textMode: showsNames ? 'name' : 'auto',
    reduceOptions: { calcs: ['lastNotNull'], fields: '', values: false },
  }
}

const LINES = {
  legend: { displayMode: 'list', placement: 'bottom', calcs: [] },
  tooltip: { mode: 'multi', sort: 'desc' },
}

if (import.meta.main) {
  writeFileSync(join(import.meta.dirname, 'ridethrough.json'), `${JSON.stringify(makeDashboard(), undefined, 2)}\n`)
}
