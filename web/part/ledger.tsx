// What was done under a share or a link: how often on each device, and its story.
import { Stack, Text } from '@mantine/core'
import { EVENT_KINDS, type EventView } from '@ridethrough/protocol/http/event.ts'
import { useQuery } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import { sayFault } from '../data/fault.ts'
import { useNow } from '../data/now.ts'
import { ledgerQuery } from '../data/share.ts'
import { Loading } from '../page/nothing.tsx'
import { saySubject } from '../text/event.ts'
import { capital, sayTime } from '../text/format.ts'
import { Alert } from '../ui/alert.tsx'
import { Row, Rows } from '../ui/rows.tsx'
import { Section } from '../ui/section.tsx'
import { Status } from '../ui/status.tsx'
import styles from './ledger.module.css'
import { When } from './when.tsx'

type LedgerProps = {
  /** The address of the share or link. */
  readonly of: string
  readonly lead?: string
}

export function Ledger({ of, lead }: LedgerProps) {
  const { t } = useTranslation()
  const now = useNow(60_000)
  const { data: ledger, error } = useQuery(ledgerQuery(of))
  return (
    <Section title={t('ledger.title')} lead={lead ?? t('ledger.lead')}>
      {error && !ledger && <Alert kind="fault">{sayFault(error, t)}</Alert>}
      {!ledger && !error && <Loading />}
      {ledger && (
        <Stack>
          {ledger.uses.length === 0 ? (
            <Text>{t('ledger.unused')}</Text>
          ) : (
            <table className={styles.table} aria-label={t('ledger.uses')}>
              <thead>
                <tr>
                  <th scope="col">{t('ledger.device')}</th>
                  <th scope="col">{t('ledger.times')}</th>
                  <th scope="col">{t('ledger.last')}</th>
                </tr>
              </thead>
              <tbody>
                {ledger.uses.map(({ device, uses, lastAt }) => (
                  <tr key={device.id}>
                    <th scope="row">{device.name}</th>
                    <td>{uses.toLocaleString('en')}</td>
                    <td>
                      <When at={lastAt} />
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          )}
          {ledger.events.length > 0 && (
            <Rows label={t('ledger.events')}>
              {ledger.events.map((event) => (
                <Row
                  key={event.seq}
                  actions={
                    <Text size="sm" c="dimmed" component="time" dateTime={event.at}>
                      {sayTime(Date.parse(event.at), now)}
                    </Text>
                  }
                >
                  <EventLine event={event} />
                </Row>
              ))}
            </Rows>
          )}
        </Stack>
      )}
    </Section>
  )
}

function EventLine({ event }: { readonly event: EventView }) {
  const { t } = useTranslation()
  const who = event.account?.name ?? (event.kind === 'link.opened' ? t('ledger.anybody') : undefined)
  const { about, why } = saySubject(event.subject, event.account?.name ?? '')
  return (
    <>
      <Text>
        {who === undefined ? (
          // What time has done has nobody who did it.
          capital(EVENT_KINDS[event.kind])
        ) : (
          <>
            <strong>{who}</strong> {EVENT_KINDS[event.kind]}
          </>
        )}
        {about !== '' && `: ${about}`}
      </Text>
      {event.outcome === 'refused' && <Status tone="critical">{[t('log.refused'), why].join(why && ': ')}</Status>}
    </>
  )
}
