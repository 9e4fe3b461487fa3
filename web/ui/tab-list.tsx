// The row of a page's tabs.
import { Tabs } from '@mantine/core'
import styles from './tab-list.module.css'

type TabListProps = { readonly tabs: readonly { readonly value: string; readonly label: string }[] }

export function TabList({ tabs }: TabListProps) {
  return (
    <Tabs.List mb="md" className={styles.list}>
      {tabs.map(({ value, label }) => (
        <Tabs.Tab key={value} value={value}>
          {label}
        </Tabs.Tab>
      ))}
    </Tabs.List>
  )
}
