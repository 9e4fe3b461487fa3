// Lines over time (uPlot): at most two units, gaps as gaps, colours from the theme.
import { useEffect, useRef } from 'react'
import type uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import styles from './chart.module.css'

export type ChartSeries = { readonly key: string; readonly label: string; readonly unit: string; readonly text: string }

type ChartProps = {
  readonly label: string
  readonly series: readonly ChartSeries[]
  readonly times: readonly number[]
  readonly columns: readonly (readonly (number | null | undefined)[])[]
  /** Seconds since 1970. */
  readonly from: number
  readonly to: number
  readonly isDark: boolean
}

const HEIGHT = 260
const DASHES: readonly number[][] = [[], [8, 4], [2, 4], [10, 4, 2, 4]]

export function Chart({ label, series, times, columns, from, to, isDark }: ChartProps) {
  const box = useRef<HTMLDivElement>(null)
  const plot = useRef<uPlot>(undefined)
  const latest = useRef({ times, columns, from, to })
  latest.current = { times, columns, from, to }
  const signature = series.map(({ key, unit }) => `${key}/${unit}`).join()

  // Colours are read from the theme when the plot is made, so another look needs another plot.
  // biome-ignore lint/correctness/useExhaustiveDependencies: data reaches the plot by setData below
  useEffect(() => {
    const host = box.current
    if (!host) return
    let isGone = false
    const resize = new ResizeObserver(() => plot.current?.setSize({ width: host.clientWidth, height: HEIGHT }))
    void loadPlot().then((Plot) => {
      if (isGone) return
      plot.current = new Plot(optionsFor(series, host, isDark), dataOf(latest.current), host)
      plot.current.setScale('x', { min: latest.current.from, max: latest.current.to })
      resize.observe(host)
    })
    return () => {
      isGone = true
      resize.disconnect()
      plot.current?.destroy()
      plot.current = undefined
    }
  }, [signature, isDark])

  useEffect(() => {
    if (!plot.current || plot.current.series.length !== columns.length + 1) return
    plot.current.batch((each: uPlot) => {
      each.setData(dataOf({ times, columns }), false)
      each.setScale('x', { min: from, max: to })
    })
  }, [times, columns, from, to])

  return (
    <figure className={styles.figure} aria-label={label}>
      <div ref={box} className={styles.plot} style={{ height: HEIGHT }} />
      <ul className={styles.legend} aria-hidden>
        {series.map((each, index) => (
          <li key={each.key}>
            <svg width="26" height="8" aria-hidden focusable="false">
              <line
                x1="0"
                x2="26"
                y1="4"
                y2="4"
                stroke={`var(--chart-${index + 1})`}
                strokeWidth="2.5"
                strokeDasharray={DASHES[index]?.join(' ')}
              />
            </svg>
            {each.label} <strong>{each.text}</strong>
          </li>
        ))}
      </ul>
    </figure>
  )
}

type PlotData = Pick<ChartProps, 'times' | 'columns'>

function dataOf({ times, columns }: PlotData): uPlot.AlignedData {
  return [[...times], ...columns.map((column) => [...column])]
}

function optionsFor(series: readonly ChartSeries[], host: HTMLElement, isDark: boolean): uPlot.Options {
  const css = getComputedStyle(host)
  const ink = css.getPropertyValue('--mantine-color-dimmed').trim()
  const units = [...new Set(series.map((each) => each.unit))]
  const line = { stroke: css.getPropertyValue('--line').trim(), width: 1 }
  const axis = { stroke: ink, grid: line, ticks: line, font: '12px system-ui, sans-serif' }
  return {
    width: host.clientWidth,
    height: HEIGHT,
    legend: { show: false },
    cursor: { drag: { x: false, y: false } },
    scales: Object.fromEntries([['x', { time: true, auto: false }], ...units.map((unit) => [unit, scaleOf(unit)])]),
    axes: [
      { ...axis, values: TIME_LABELS },
      ...units.map((unit, index) => ({
        ...axis,
        scale: unit,
        side: index === 0 ? 3 : 1,
        size: 64,
        grid: index === 0 ? line : { show: false },
        values: (_: uPlot, splits: number[]) => splits.map((split) => `${split.toLocaleString('en')} ${unit}`),
      })),
    ],
    series: [
      {},
      ...series.map((each, index) => ({
        label: each.label,
        scale: each.unit,
        stroke: css.getPropertyValue(`--chart-${index + 1}`).trim() || (isDark ? '#fff' : '#000'),
        width: 2,
        dash: DASHES[index] ?? [],
        points: { show: false },
      })),
    ],
  }
}

// A percentage is read against its whole; anything else against its own spread, with air so that noise stays small.
function scaleOf(unit: string): uPlot.Scale {
  if (unit === '%') return { range: [0, 100] }
  return {
    range: (_, min, max) => {
      if (min === null || max === null) return [0, 1]
      const air = Math.max((max - min) * 0.15, Math.abs(max) * 0.02, 0.5)
      return [min >= 0 ? Math.max(0, min - air) : min - air, max + air]
    },
  }
}

const HOUR = 3600
const TIME_LABELS: uPlot.Axis.DynamicValues = (_, splits, __, ___, step) =>
  splits.map((split) => {
    const date = new Date(split * 1000)
    if (step >= 24 * HOUR) return date.toLocaleDateString('en-GB', { day: 'numeric', month: 'short' })
    return date.toLocaleTimeString('en-GB', {
      hour: '2-digit',
      minute: '2-digit',
      ...(step < 60 ? { second: '2-digit' } : {}),
    })
  })

/** uPlot asks Intl with `navigator.language` while it loads, and "en-US@posix" (LANG=C) is none that Intl knows. */
async function loadPlot(): Promise<typeof uPlot> {
  try {
    new Intl.NumberFormat(navigator.language)
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    Object.defineProperty(navigator, 'language', { value: 'en', configurable: true })
  }
  return (await import('uplot')).default
}
