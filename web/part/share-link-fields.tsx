// The fields of a link: its private name, what it shows of which devices, when, how often, and whether it asks for a PIN.
import { Checkbox, Paper, Radio, SimpleGrid, Stack, Switch, Text, TextInput } from '@mantine/core'
import { LINK_PRIVILEGES } from '@ridethrough/protocol/http/link.ts'
import { PRIVILEGE_TEXT } from '@ridethrough/protocol/privilege.ts'
import type { ReactNode } from 'react'
import { useTranslation } from 'react-i18next'
import { capital } from '../text/format.ts'
import { DeviceChoice, type Offered, zonesOf } from './share-fields.tsx'
import type { LinkValues } from './share-link-terms.ts'
import { TimesFields } from './share-terms-fields.tsx'
import { VariableChoice } from './share-variables.tsx'

type LinkFieldsProps = {
  readonly values: LinkValues
  readonly faults: Readonly<Record<string, string>>
  readonly offered: readonly Offered[]
  /** A PIN is set already: left empty, it stays. */
  readonly keepsPin: boolean
  readonly onChange: (change: Partial<LinkValues>) => void
}

export function LinkFields({ values, faults, offered, keepsPin, onChange }: LinkFieldsProps) {
  const { t } = useTranslation()
  return (
    <>
      <Field>
        <TextInput
          label={t('links.name')}
          description={t('links.nameHint')}
          autoComplete="off"
          value={values.name}
          error={faults.name}
          onChange={(event) => onChange({ name: event.currentTarget.value })}
        />
      </Field>
      <Field>
        <DeviceChoice
          devices={offered}
          chosen={values.deviceIds}
          fault={faults.deviceIds}
          onChange={(deviceIds) => onChange({ deviceIds })}
        />
      </Field>
      <Field>
        <Checkbox.Group
          label={t('links.privileges')}
          description={t('links.privilegesHint')}
          value={[...values.privileges]}
          error={faults.privileges}
          onChange={(ticked) => onChange({ privileges: LINK_PRIVILEGES.filter((each) => ticked.includes(each)) })}
        >
          <SimpleGrid cols={{ base: 1, xs: 2 }} mt="sm" mb={4} spacing="xs">
            {LINK_PRIVILEGES.map((privilege) => (
              <Checkbox key={privilege} value={privilege} label={capital(PRIVILEGE_TEXT[privilege])} />
            ))}
          </SimpleGrid>
        </Checkbox.Group>
      </Field>
      <Field>
        <Radio.Group
          label={t('links.readings')}
          value={values.isAllVariables ? 'all' : 'some'}
          onChange={(value) => onChange({ isAllVariables: value === 'all' })}
        >
          <Stack gap="xs" mt="sm">
            <Radio value="all" label={t('links.allReadings')} />
            <Radio value="some" label={t('links.onlyThese')} />
          </Stack>
        </Radio.Group>
        {!values.isAllVariables && (
          <VariableChoice
            deviceIds={values.deviceIds}
            chosen={values.variables}
            fault={faults.variables}
            onChange={(variables) => onChange({ variables })}
          />
        )}
      </Field>
      <TimesFields
        values={values}
        faults={faults}
        zones={zonesOf(offered, values.deviceIds)}
        onChange={onChange}
        off={t('links.untilEnded')}
      />
      <Field>
        <SimpleGrid cols={{ base: 1, xs: 2 }} spacing="md">
          <TextInput
            label={t('links.maxUses')}
            description={t('links.maxUsesHint')}
            inputMode="numeric"
            autoComplete="off"
            value={values.maxUses}
            error={faults.maxUses && t('links.maxUsesWrong')}
            onChange={(event) => onChange({ maxUses: event.currentTarget.value })}
          />
          <Stack gap="xs">
            <Switch
              label={t('links.askPin')}
              description={t('links.askPinHint')}
              checked={values.hasPin}
              onChange={(event) => onChange({ hasPin: event.currentTarget.checked })}
            />
            {values.hasPin && (
              <TextInput
                label={t('links.pin')}
                description={t(keepsPin ? 'links.pinKept' : 'links.pinHint')}
                inputMode="numeric"
                autoComplete="off"
                value={values.pin}
                error={faults.pin}
                onChange={(event) => onChange({ pin: event.currentTarget.value })}
              />
            )}
          </Stack>
        </SimpleGrid>
      </Field>
      <Text size="sm" c="dimmed">
        {t('links.warning')}
      </Text>
    </>
  )
}

function Field({ children }: { readonly children: ReactNode }) {
  return (
    <Paper withBorder p="md" bg="var(--surface)">
      {children}
    </Paper>
  )
}
