// Credentials of a received share, for MQTT and the API: no stronger than the share, and dead with it (R24).
import { Button, Stack, Text } from '@mantine/core'
import type { ShareCredentialView, ShareView } from '@ridethrough/protocol/http/share.ts'
import { PRIVILEGE_TEXT } from '@ridethrough/protocol/privilege.ts'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { sayFault } from '../data/fault.ts'
import { useNow } from '../data/now.ts'
import { credentialsQuery, endCredential, type MadeCredential } from '../data/share.ts'
import { Loading } from '../page/nothing.tsx'
import { sayList, sayTime } from '../text/format.ts'
import { sayReport } from '../text/sentence.ts'
import { Alert } from '../ui/alert.tsx'
import { Row, Rows } from '../ui/rows.tsx'
import { Section } from '../ui/section.tsx'
import { ConfirmChange } from './confirm-change.tsx'
import { useAnnounce } from './notice.tsx'
import { NewCredentialForm, ShownCredential } from './share-credential-form.tsx'
import { When } from './when.tsx'

export function Credentials({ share }: { readonly share: ShareView }) {
  const { t } = useTranslation()
  const announce = useAnnounce()
  const { data: credentials, error } = useQuery(credentialsQuery(share.id))
  const [isMaking, setMaking] = useState(false)
  const [made, setMade] = useState<MadeCredential>()
  const [ending, setEnding] = useState<ShareCredentialView>()
  const isOwner = share.side === 'owner'
  const open = !isOwner && !isMaking && (
    <Button variant="default" onClick={() => setMaking(true)}>
      {t('credentials.new')}
    </Button>
  )
  return (
    <Section
      title={t('credentials.title')}
      lead={t(isOwner ? 'credentials.ownerLead' : 'credentials.lead')}
      actions={open}
    >
      {isMaking && (
        <NewCredentialForm
          share={share}
          onCancel={() => setMaking(false)}
          onMade={(answer) => {
            setMaking(false)
            setMade(answer)
          }}
        />
      )}
      {error && !credentials && <Alert kind="fault">{sayFault(error, t)}</Alert>}
      {!credentials && !error && <Loading />}
      {credentials?.length === 0 && !isMaking && <Text>{t('credentials.none')}</Text>}
      {credentials !== undefined && credentials.length > 0 && (
        <Rows label={t('credentials.list')}>
          {credentials.map((credential) => (
            <CredentialRow key={credential.id} credential={credential} onEnd={() => setEnding(credential)} />
          ))}
        </Rows>
      )}
      {made && <ShownCredential made={made} devices={share.devices} onClose={() => setMade(undefined)} />}
      {ending && (
        <ConfirmChange
          title={t('credentials.endTitle', { name: ending.name })}
          what={t('credentials.endWhat')}
          submit={t('credentials.end')}
          run={() => endCredential(share.id, ending.id)}
          refresh={[['credentials'], ['ledger']]}
          onDone={({ access }) => {
            setEnding(undefined)
            announce(`${t('credentials.ended', { name: ending.name })} ${sayReport(access, t)}`)
          }}
          onCancel={() => setEnding(undefined)}
        />
      )}
    </Section>
  )
}

type RowProps = { readonly credential: ShareCredentialView; readonly onEnd: () => void }

function CredentialRow({ credential, onEnd }: RowProps) {
  const { t } = useTranslation()
  const now = useNow(60_000)
  const { name, privileges, expiresAt, lastUsedAt } = credential
  return (
    <Row
      actions={
        <Button variant="default" size="sm" aria-label={t('credentials.endLabel', { name })} onClick={onEnd}>
          {t('credentials.end')}
        </Button>
      }
    >
      <Stack gap={2}>
        <Text fw={600}>{name}</Text>
        <Text size="sm">{sayList(privileges.map((privilege) => PRIVILEGE_TEXT[privilege]))}</Text>
        <Text size="sm" c="dimmed">
          {expiresAt === null
            ? t('credentials.withShare')
            : t('tokens.until', { time: sayTime(Date.parse(expiresAt), now) })}{' '}
          ·{' '}
          {lastUsedAt === null ? (
            t('tokens.neverUsed')
          ) : (
            <>
              {t('tokens.used')} <When at={lastUsedAt} />
            </>
          )}
        </Text>
      </Stack>
    </Row>
  )
}
