// The hours of a week to be marked: by dragging, or by the keyboard (arrows, Shift to take more, Space to mark).
import { type KeyboardEvent, type PointerEvent, useRef, useState } from 'react'
import styles from './week-grid.module.css'

type Cell = { readonly day: number; readonly hour: number }
type Area = {
  readonly fromDay: number
  readonly untilDay: number
  readonly fromHour: number
  readonly untilHour: number
}
/** Minutes of one day; `until` is not inside. */
type Span = { readonly from: number; readonly until: number }

type WeekGridProps = {
  readonly label: string
  readonly describedBy?: string
  /** Names of the seven days, short and in full. */
  readonly days: readonly { readonly short: string; readonly name: string }[]
  /** What is marked, day by day. */
  readonly spans: readonly (readonly Span[])[]
  readonly sayCell: (day: string, hour: number, isPart: boolean) => string
  readonly onPaint: (area: Area, isOn: boolean) => void
}

const HOURS = Array.from({ length: 24 }, (_, hour) => hour)

export function WeekGrid({ label, describedBy, days, spans, sayCell, onPaint }: WeekGridProps) {
  const body = useRef<HTMLDivElement>(null)
  const [focus, setFocus] = useState<Cell>({ day: 0, hour: 8 })
  const [anchor, setAnchor] = useState<Cell>()
  const [isDragging, setDragging] = useState(false)
  const area = anchor && areaOf(anchor, focus)
  const coverOf = ({ day, hour }: Cell) => coverage(spans[day] ?? [], hour)

  function finish(from: Cell, to: Cell): void {
    setDragging(false)
    setAnchor(undefined)
    onPaint(areaOf(from, to), coverOf(from) !== 'full')
  }

  function press(event: KeyboardEvent): void {
    const step = STEPS[event.key]
    if (step) {
      event.preventDefault()
      setAnchor(event.shiftKey ? (anchor ?? focus) : undefined)
      const next = { day: clamp(focus.day + step.day, 6), hour: clamp(focus.hour + step.hour, 23) }
      setFocus(next)
      cellAt(body.current, next)?.focus()
    } else if (event.key === ' ' || event.key === 'Enter') {
      event.preventDefault()
      finish(anchor ?? focus, focus)
    } else if (event.key === 'Escape' && anchor) {
      event.stopPropagation()
      setAnchor(undefined)
    }
  }

  function begin(event: PointerEvent): void {
    const cell = cellOf(event.target)
    if (!cell || event.button !== 0) return
    setAnchor(cell)
    setFocus(cell)
    setDragging(true)
  }

  function drag(event: PointerEvent): void {
    if (!isDragging) return
    // Touch keeps sending to where it began: what is under the finger has to be asked for.
    const cell = cellOf(document.elementFromPoint(event.clientX, event.clientY))
    if (cell) setFocus(cell)
  }

  return (
    // biome-ignore lint/a11y/useSemanticElements: a table that is operated as one is a grid
    <div
      role="grid"
      aria-label={label}
      aria-describedby={describedBy}
      aria-multiselectable
      className={styles.grid}
      ref={body}
      onKeyDown={press}
      onPointerDown={begin}
      onPointerMove={drag}
      onPointerUp={() => isDragging && anchor && finish(anchor, focus)}
      onPointerLeave={() => isDragging && anchor && finish(anchor, focus)}
      onPointerCancel={() => {
        setDragging(false)
        setAnchor(undefined)
      }}
    >
      <div className={styles.scale} aria-hidden>
        {[0, 6, 12, 18, 24].map((hour) => (
          <span key={hour} style={{ insetInlineStart: `${(hour / 24) * 100}%` }}>
            {hour}
          </span>
        ))}
      </div>
      {days.map(({ short, name }, day) => (
        // biome-ignore lint/a11y/useSemanticElements: a row of the grid above
        <div role="row" key={name} className={styles.row} tabIndex={-1}>
          {/* biome-ignore lint/a11y/useSemanticElements: as above */}
          <div role="rowheader" className={styles.day} aria-label={name} tabIndex={-1}>
            {short}
          </div>
          {HOURS.map((hour) => {
            const cover = coverOf({ day, hour })
            return (
              // biome-ignore lint/a11y/useSemanticElements: as above
              <div
                role="gridcell"
                key={hour}
                tabIndex={focus.day === day && focus.hour === hour ? 0 : -1}
                aria-selected={cover === 'full'}
                aria-label={sayCell(name, hour, cover === 'part')}
                className={styles.cell}
                data-day={day}
                data-hour={hour}
                data-taken={area !== undefined && isWithin(area, { day, hour })}
              >
                {barsIn(spans[day] ?? [], hour).map(({ from, until }) => (
                  <span
                    key={from}
                    className={styles.bar}
                    style={{ insetInlineStart: `${(from / 60) * 100}%`, width: `${((until - from) / 60) * 100}%` }}
                  />
                ))}
              </div>
            )
          })}
        </div>
      ))}
    </div>
  )
}

const STEPS: Readonly<Record<string, Cell>> = {
  ArrowLeft: { day: 0, hour: -1 },
  ArrowRight: { day: 0, hour: 1 },
  ArrowUp: { day: -1, hour: 0 },
  ArrowDown: { day: 1, hour: 0 },
  Home: { day: 0, hour: -24 },
  End: { day: 0, hour: 24 },
  PageUp: { day: -7, hour: 0 },
  PageDown: { day: 7, hour: 0 },
}

function clamp(value: number, most: number): number {
  return Math.min(most, Math.max(0, value))
}

function areaOf(a: Cell, b: Cell): Area {
  return {
    fromDay: Math.min(a.day, b.day),
    untilDay: Math.max(a.day, b.day),
    fromHour: Math.min(a.hour, b.hour),
    untilHour: Math.max(a.hour, b.hour),
  }
}

function isWithin(area: Area, { day, hour }: Cell): boolean {
  return day >= area.fromDay && day <= area.untilDay && hour >= area.fromHour && hour <= area.untilHour
}

/** The pieces of the hour that are marked, in minutes of it. */
function barsIn(spans: readonly Span[], hour: number): Span[] {
  return spans.flatMap((span) => {
    const piece = { from: Math.max(0, span.from - hour * 60), until: Math.min(60, span.until - hour * 60) }
    return piece.from < piece.until ? [piece] : []
  })
}

function coverage(spans: readonly Span[], hour: number): 'full' | 'part' | 'none' {
  const bars = barsIn(spans, hour)
  if (bars.length === 0) return 'none'
  return bars.some(({ from, until }) => from === 0 && until === 60) ? 'full' : 'part'
}

function cellOf(target: unknown): Cell | undefined {
  const cell = target instanceof Element ? target.closest<HTMLElement>('[data-hour]') : null
  return cell ? { day: Number(cell.dataset.day), hour: Number(cell.dataset.hour) } : undefined
}

function cellAt(grid: HTMLElement | null, { day, hour }: Cell): HTMLElement | undefined {
  return grid?.querySelector<HTMLElement>(`[data-day="${day}"][data-hour="${hour}"]`) ?? undefined
}
