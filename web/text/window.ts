// Weekly windows and instants of a named zone, as people say them.
import { WEEKDAYS, type Weekday, type WeeklyWindow } from '@ridethrough/protocol/window.ts'
import type { TFunction } from 'i18next'
import { sayList } from './format.ts'

/** "Monday to Friday 08:00-17:00 and Saturday 22:00-06:00 the next day". */
export function sayWindows(windows: readonly WeeklyWindow[], t: TFunction): string {
  return sayList(windows.map((window) => sayWindow(window, t)))
}

export function sayWindow({ days, from, until }: WeeklyWindow, t: TFunction): string {
  const names = sayDays(days, t)
  if (from === '00:00' && until === '24:00') return t('week.allDay', { days: names })
  return t(until > from ? 'week.window' : 'week.windowOver', { days: names, from, until })
}

/** "Monday to Friday", "Saturday and Sunday", "every day". */
export function sayDays(days: readonly Weekday[], t: TFunction): string {
  if (days.length === WEEKDAYS.length) return t('week.everyDay')
  const runs: Weekday[][] = []
  for (const day of [...days].sort((a, b) => a - b)) {
    const run = runs.at(-1)
    if (run && run.at(-1) === day - 1) run.push(day)
    else runs.push([day])
  }
  const said = runs.flatMap((run) => {
    const [first, last] = [run[0], run.at(-1)]
    if (first === undefined || last === undefined || run.length < 3) return run.map((day) => t(`week.day.d${day}`))
    return [t('week.days', { from: t(`week.day.d${first}`), until: t(`week.day.d${last}`) })]
  })
  return sayList(said)
}

/** Day and time by the clock of that zone, which is named where it is not the viewer's own. */
export function sayTimeIn(at: number, now: number, timeZone: string): string {
  const year = (each: number) => new Intl.DateTimeFormat('en', { timeZone, year: 'numeric' }).format(each)
  const said = new Intl.DateTimeFormat('en-GB', {
    timeZone,
    ...({ day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit', hour12: false } as const),
    ...(year(at) === year(now) ? {} : { year: 'numeric' }),
  }).format(at)
  return timeZone === Intl.DateTimeFormat().resolvedOptions().timeZone ? said : `${said} (${timeZone})`
}
