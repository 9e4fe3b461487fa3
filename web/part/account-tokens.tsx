// API tokens: what uses them, what they may, until when.
import { Button, Group, Modal, Stack, Text } from '@mantine/core'
import type { TokenAnswer, TokenView } from '@ridethrough/protocol/http/security.ts'
import { PRIVILEGE_TEXT } from '@ridethrough/protocol/privilege.ts'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import type { z } from 'zod'
import { sayFault } from '../data/fault.ts'
import { useNow } from '../data/now.ts'
import { endToken, tokensQuery } from '../data/token.ts'
import { Loading } from '../page/nothing.tsx'
import { sayList, sayTime } from '../text/format.ts'
import { Alert } from '../ui/alert.tsx'
import { Empty } from '../ui/empty.tsx'
import { Row, Rows } from '../ui/rows.tsx'
import { Secret } from '../ui/secret.tsx'
import { Section } from '../ui/section.tsx'
import { ConfirmChange } from './confirm-change.tsx'
import { NewTokenForm } from './new-token.tsx'
import { useAnnounce } from './notice.tsx'
import { When } from './when.tsx'

type Made = z.infer<typeof TokenAnswer>

export function TokensSection() {
  const { t } = useTranslation()
  const announce = useAnnounce()
  const { data: tokens, error } = useQuery(tokensQuery)
  const [isMaking, setMaking] = useState(false)
  const [made, setMade] = useState<Made>()
  const [ending, setEnding] = useState<TokenView>()
  if (!tokens) return error ? <Alert kind="fault">{sayFault(error, t)}</Alert> : <Loading />
  const open = <Button onClick={() => setMaking(true)}>{t('tokens.new')}</Button>
  return (
    <Stack gap="lg">
      {isMaking && (
        <Section title={t('tokens.new')} lead={t('tokens.lead')}>
          <NewTokenForm
            onCancel={() => setMaking(false)}
            onMade={(answer) => {
              setMaking(false)
              setMade(answer)
            }}
          />
        </Section>
      )}
      {tokens.length === 0 ? (
        !isMaking && (
          <Empty title={t('tokens.none')} action={open}>
            {t('tokens.noneHow')}
          </Empty>
        )
      ) : (
        <Section title={t('tokens.title')} lead={t('tokens.lead')} actions={!isMaking && open}>
          <Rows label={t('tokens.list')}>
            {tokens.map((token) => (
              <TokenRow key={token.id} token={token} onEnd={() => setEnding(token)} />
            ))}
          </Rows>
        </Section>
      )}
      {made && <ShownToken made={made} onClose={() => setMade(undefined)} />}
      {ending && (
        <ConfirmChange
          title={t('tokens.endTitle', ending)}
          what={t('tokens.endWhat')}
          submit={t('tokens.end')}
          run={() => endToken(ending.id)}
          refresh={[tokensQuery.queryKey]}
          onDone={() => {
            setEnding(undefined)
            announce(t('tokens.ended', ending))
          }}
          onCancel={() => setEnding(undefined)}
        />
      )}
    </Stack>
  )
}

function TokenRow({ token, onEnd }: { readonly token: TokenView; readonly onEnd: () => void }) {
  const { t } = useTranslation()
  const now = useNow(60_000)
  const expires = Date.parse(token.expiresAt)
  const time = sayTime(expires, now)
  return (
    <Row
      actions={
        <Button variant="default" size="sm" aria-label={t('tokens.endLabel', token)} onClick={onEnd}>
          {t('tokens.end')}
        </Button>
      }
    >
      <Text fw={600}>{token.name}</Text>
      <Text size="sm">
        {sayList(
          token.privileges.map((privilege) =>
            privilege === 'notify' ? t('privilege.yourNotify') : PRIVILEGE_TEXT[privilege],
          ),
        )}
      </Text>
      <Text size="sm" c="dimmed">
        {token.deviceIds === null ? t('tokens.onAll') : t('tokens.onSome', { count: token.deviceIds.length })} ·{' '}
        {expires > now ? t('tokens.until', { time }) : t('tokens.overAt', { time })} ·{' '}
        {token.lastUsedAt === null ? (
          t('tokens.neverUsed')
        ) : (
          <>
            {t('tokens.used')} <When at={token.lastUsedAt} />
          </>
        )}
      </Text>
    </Row>
  )
}

function ShownToken({ made, onClose }: { readonly made: Made; readonly onClose: () => void }) {
  const { t } = useTranslation()
  const example = `mosquitto_sub -h ${location.hostname} -p 1883 -u token -P ${made.token} -t 'v1/devices/+/state' -v`
  return (
    <Modal
      opened
      onClose={onClose}
      title={t('tokens.shownTitle', made.view)}
      centered
      size="lg"
      // It is shown once: a stray press beside the dialog must not lose it.
      closeOnClickOutside={false}
      closeOnEscape={false}
      withCloseButton={false}
    >
      <Stack>
        <Text>{t('tokens.shownLead')}</Text>
        <Secret rows={2} name={t('tokens.token')} text={made.token} label={t('tokens.copy')} done={t('copy.done')} />
        <Text>{t('tokens.mqtt')}</Text>
        <Secret
          rows={4}
          name={t('tokens.mqttName')}
          text={example}
          label={t('tokens.copyExample')}
          done={t('copy.done')}
        />
        <Text size="sm" c="dimmed">
          {t('tokens.mqttHint')}
        </Text>
        <Group justify="flex-end">
          <Button onClick={onClose} data-autofocus>
            {t('tokens.done')}
          </Button>
        </Group>
      </Stack>
    </Modal>
  )
}
