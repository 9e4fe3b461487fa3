// The event log: who did what, when, from where; refused attempts stand out by a word and a sign.
import { Anchor, Group, NativeSelect, Stack, Text, TextInput } from '@mantine/core'
import { EVENT_KIND_NAMES, EVENT_KINDS, type EventView } from '@ridethrough/protocol/http/event.ts'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { useTranslation } from 'react-i18next'
import { membersQuery } from '../data/company.ts'
import { eventsFile, eventsQuery } from '../data/event.ts'
import { sayFault } from '../data/fault.ts'
import { useNow } from '../data/now.ts'
import { Loading } from '../page/nothing.tsx'
import { saySubject } from '../text/event.ts'
import { capital, sayTime } from '../text/format.ts'
import { Alert } from '../ui/alert.tsx'
import { Empty } from '../ui/empty.tsx'
import { Row, Rows } from '../ui/rows.tsx'
import { Section } from '../ui/section.tsx'
import { Status } from '../ui/status.tsx'
import styles from './event-log.module.css'
import { More, useListing } from './listing.tsx'

const ROUTE = '/signed-in/company'

export function EventLog({ isOwner }: { readonly isOwner: boolean }) {
  const { t } = useTranslation()
  const { kind, outcome, who, from, to } = useSearch({ from: ROUTE })
  const filter = { kind, outcome, accountId: who, from: startOf(from), to: endOf(to) }
  const listing = useListing(eventsQuery(filter))
  const { items, error } = listing
  return (
    <Section
      title={t('log.title')}
      lead={isOwner ? undefined : t('log.own')}
      actions={
        <Anchor href={eventsFile(filter)} download>
          {t('log.file')}
        </Anchor>
      }
    >
      <Filters isOwner={isOwner} />
      {error && <Alert kind="fault">{sayFault(error, t)}</Alert>}
      {items === undefined ? (
        !error && <Loading />
      ) : items.length === 0 ? (
        <Empty level={3} title={t('log.none')}>
          {t('log.noneHow')}
        </Empty>
      ) : (
        <>
          <Rows label={t('log.list')}>
            {items.map((event) => (
              <EventRow key={event.seq} event={event} />
            ))}
          </Rows>
          <More listing={listing}>{t('log.more')}</More>
        </>
      )}
    </Section>
  )
}

function EventRow({ event }: { readonly event: EventView }) {
  const { t } = useTranslation()
  const now = useNow(60_000)
  const { about, why } = saySubject(event.subject, event.account?.name ?? '')
  return (
    <Row
      actions={
        <Text size="sm" c="dimmed" component="time" dateTime={event.at}>
          {sayTime(Date.parse(event.at), now)}
        </Text>
      }
    >
      <Stack gap={2} align="flex-start">
        <Text>
          <strong>{event.account?.name ?? t('log.nobody')}</strong> {EVENT_KINDS[event.kind]}
          {about !== '' && `: ${about}`}
        </Text>
        <Group gap="xs">
          {event.outcome === 'refused' && <Status tone="critical">{[t('log.refused'), why].join(why && ': ')}</Status>}
          {event.address !== '' && (
            <Text size="sm" c="dimmed">
              {event.address}
            </Text>
          )}
        </Group>
      </Stack>
    </Row>
  )
}

function Filters({ isOwner }: { readonly isOwner: boolean }) {
  const { t } = useTranslation()
  const { kind = '', outcome = '', who = '', from = '', to = '' } = useSearch({ from: ROUTE })
  const navigate = useNavigate({ from: '/company' })
  const people = useListing(membersQuery({ limit: '200' })).items ?? []
  const set = (change: Readonly<Record<string, string | undefined>>) =>
    void navigate({ search: (before) => ({ ...before, ...change }), replace: true })
  const field = (name: string, value: string) => ({
    value,
    onChange: (event: { currentTarget: { value: string } }) => set({ [name]: event.currentTarget.value || undefined }),
  })
  return (
    <search className={styles.filters}>
      <NativeSelect
        label={t('log.kind')}
        data={[
          { value: '', label: t('log.anyKind') },
          ...EVENT_KIND_NAMES.map((name) => ({ value: name, label: capital(EVENT_KINDS[name]) })),
        ]}
        {...field('kind', kind)}
      />
      <NativeSelect
        label={t('log.outcome')}
        data={[
          { value: '', label: t('log.anyOutcome') },
          { value: 'done', label: t('log.done') },
          { value: 'refused', label: t('log.refused') },
        ]}
        {...field('outcome', outcome)}
      />
      {isOwner && (
        <NativeSelect
          label={t('log.who')}
          data={[{ value: '', label: t('log.anybody') }, ...people.map(({ id, name }) => ({ value: id, label: name }))]}
          {...field('who', who)}
        />
      )}
      <TextInput type="date" label={t('log.from')} {...field('from', from)} />
      <TextInput type="date" label={t('log.to')} {...field('to', to)} />
    </search>
  )
}

/** Days are the viewer's own. */
function startOf(day: string | undefined): string | undefined {
  return day === undefined ? undefined : new Date(`${day}T00:00:00`).toISOString()
}

function endOf(day: string | undefined): string | undefined {
  return day === undefined ? undefined : new Date(`${day}T23:59:59.999`).toISOString()
}
