// Hours of the week: drawn on a grid, or typed to the minute; both are the same windows (R23).
import { Button, Chip, CloseButton, Group, Stack, Switch, Text, TextInput } from '@mantine/core'
import { WEEKDAYS, type WeeklyWindow } from '@ridethrough/protocol/window.ts'
import { useId } from 'react'
import { useTranslation } from 'react-i18next'
import { paint, spansByDay, WORKING_HOURS } from '../data/week.ts'
import { sayList } from '../text/format.ts'
import { sayWindow } from '../text/window.ts'
import { WeekGrid } from '../ui/week-grid.tsx'
import { FIELD_IDS } from './share-fields.tsx'
import type { WindowValues } from './share-terms.ts'

type WindowFieldsProps = {
  readonly values: WindowValues
  readonly fault: string | undefined
  readonly zones: readonly string[]
  readonly onChange: (values: WindowValues) => void
}

export function WindowFields({ values: { hasWindows, windows }, fault, zones, onChange }: WindowFieldsProps) {
  const { t } = useTranslation()
  const hintId = useId()
  const set = (next: readonly WeeklyWindow[]) => onChange({ hasWindows, windows: next })
  return (
    <Stack gap="sm">
      <Switch
        id={FIELD_IDS.windows}
        label={t('week.toggle')}
        description={zones.length > 0 ? t('week.toggleHint', { zone: sayList(zones) }) : t('week.toggleHintNone')}
        checked={hasWindows}
        onChange={(event) => onChange({ hasWindows: event.currentTarget.checked, windows })}
      />
      {hasWindows && (
        <>
          <Group gap="xs">
            <Button variant="default" size="xs" onClick={() => set([WORKING_HOURS])}>
              {t('week.working')}
            </Button>
            <Button variant="default" size="xs" onClick={() => set([])}>
              {t('week.clear')}
            </Button>
          </Group>
          <WeekGrid
            label={t('week.grid')}
            describedBy={hintId}
            days={WEEKDAYS.map((day) => ({ short: t(`week.short.d${day}`), name: t(`week.day.d${day}`) }))}
            spans={spansByDay(windows)}
            sayCell={(day, hour, isPart) =>
              t(isPart ? 'week.cellPart' : 'week.cell', { day, from: sayHour(hour), until: sayHour(hour + 1) })
            }
            onPaint={(area, isOn) => set(paint(windows, area, isOn))}
          />
          <Text id={hintId} size="xs" c="dimmed">
            {t('week.gridHint')}
          </Text>
          {fault && (
            <Text size="sm" c="var(--mantine-color-error)" role="alert">
              {windows.length === 0 ? t('week.none') : fault}
            </Text>
          )}
          <WindowList windows={windows} onChange={set} />
        </>
      )}
    </Stack>
  )
}

type WindowListProps = {
  readonly windows: readonly WeeklyWindow[]
  readonly onChange: (windows: readonly WeeklyWindow[]) => void
}

function WindowList({ windows, onChange }: WindowListProps) {
  const { t } = useTranslation()
  return (
    <Stack gap="sm">
      {windows.length > 0 && (
        <ul
          aria-label={t('week.list')}
          style={{ display: 'grid', gap: '0.75rem', listStyle: 'none', margin: 0, padding: 0 }}
        >
          {windows.map((window, index) => (
            <WindowRow
              // biome-ignore lint/suspicious/noArrayIndexKey: a window is known by nothing but its place while it is typed
              key={index}
              window={window}
              onChange={(next) => onChange(windows.with(index, next))}
              onRemove={() => onChange(windows.toSpliced(index, 1))}
            />
          ))}
        </ul>
      )}
      <Button
        variant="default"
        size="xs"
        style={{ alignSelf: 'flex-start' }}
        onClick={() => onChange([...windows, WORKING_HOURS])}
      >
        {t('week.add')}
      </Button>
    </Stack>
  )
}

type WindowRowProps = {
  readonly window: WeeklyWindow
  readonly onChange: (window: WeeklyWindow) => void
  readonly onRemove: () => void
}

function WindowRow({ window, onChange, onRemove }: WindowRowProps) {
  const { t } = useTranslation()
  const { days, from, until } = window
  // A time field knows no 24:00: midnight at the end of a day is 00:00 of the next.
  const end = until === '24:00' ? '00:00' : until
  return (
    <li>
      <Group gap="sm" align="end">
        <Chip.Group
          multiple
          value={days.map(String)}
          onChange={(chosen) => onChange({ ...window, days: WEEKDAYS.filter((day) => chosen.includes(String(day))) })}
        >
          <Group gap={4} role="group" aria-label={t('week.weekdays')}>
            {WEEKDAYS.map((day) => (
              <Chip key={day} value={String(day)} size="xs" aria-label={t(`week.day.d${day}`)}>
                {t(`week.short.d${day}`)}
              </Chip>
            ))}
          </Group>
        </Chip.Group>
        <Group gap="xs" align="end" wrap="nowrap">
          <TextInput
            type="time"
            size="xs"
            label={t('week.from')}
            value={from}
            onChange={(event) => onChange({ ...window, from: event.currentTarget.value })}
          />
          <TextInput
            type="time"
            size="xs"
            label={t('week.until')}
            value={end}
            onChange={(event) => onChange({ ...window, until: untilOf(event.currentTarget.value) })}
          />
          <CloseButton aria-label={t('week.remove', { window: sayWindow(window, t) })} onClick={onRemove} />
        </Group>
        {until !== '' && until <= from && (
          <Text size="sm" c="dimmed">
            {t('week.nextDay')}
          </Text>
        )}
      </Group>
    </li>
  )
}

function untilOf(time: string): string {
  return time === '00:00' ? '24:00' : time
}

function sayHour(hour: number): string {
  return `${String(hour).padStart(2, '0')}:00`
}
