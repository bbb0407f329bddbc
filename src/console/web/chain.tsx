/** What the node knows of the chain. Runs in the browser. */
import type { ChainStatus, RegistryReport, RpcEndpointStatus } from '../statusDocument.js';
import { count, duration, shortAddress, unknownText } from './format.js';
import { Badge, DataTable, Empty, Panel, type TableColumn } from './parts.js';

type NamedRegistry = RegistryReport & { readonly name: string };

const registryColumns: readonly TableColumn<NamedRegistry>[] = [
  { title: 'Registry', cell: ({ name }) => name },
  {
    title: 'State',
    cell: ({ isFresh, lastError }) =>
      isFresh ? (
        <Badge tone={lastError === null ? 'good' : 'warn'}>
          {lastError === null ? 'fresh' : 'last read failed'}
        </Badge>
      ) : (
        <Badge tone="bad">authorises nobody</Badge>
      ),
  },
  {
    title: 'Read',
    kind: 'number',
    cell: ({ ageMs, maxAgeMs }) =>
      ageMs === null ? 'never' : `${duration(ageMs)} ago, good for ${duration(maxAgeMs)}`,
  },
  { title: 'Block', kind: 'number', cell: ({ blockNumber }) => blockNumber ?? unknownText },
  { title: 'Entries', kind: 'number', cell: ({ entries }) => count(entries) },
  {
    title: 'Contract',
    isMinor: true,
    cell: ({ address }) =>
      address === null ? unknownText : <span title={address}>{shortAddress(address)}</span>,
  },
  { title: 'Last error', cell: ({ lastError }) => lastError ?? 'none' },
];

const rpcColumns: readonly TableColumn<RpcEndpointStatus>[] = [
  { title: 'RPC endpoint', cell: ({ label }) => label },
  { title: 'State', cell: ({ state }) => <RpcState state={state} /> },
  { title: 'Block', kind: 'number', cell: ({ blockNumber }) => blockNumber ?? unknownText },
  { title: 'Reason', cell: ({ reason }) => reason ?? unknownText },
];

function RpcState({ state }: { state: RpcEndpointStatus['state'] }) {
  switch (state) {
    case 'ok':
      return <Badge tone="good">in use</Badge>;
    case 'lagging':
      return <Badge tone="warn">behind the others</Badge>;
    case 'unknown':
      return <Badge tone="plain">not asked yet</Badge>;
    case 'failed':
      return <Badge tone="bad">fails</Badge>;
    case 'wrong_chain':
      return <Badge tone="bad">another chain</Badge>;
  }
}

const registrationWords = {
  active: <Badge tone="good">active provider</Badge>,
  paused: <Badge tone="warn">paused provider</Badge>,
  absent: <Badge tone="warn">not registered</Badge>,
  unknown: <Badge tone="plain">registration unknown</Badge>,
} as const;

export function Chain({ chain }: { chain: ChainStatus | null }) {
  return (
    <Panel
      title="Chain"
      id="chain"
      aside={chain === null ? undefined : registrationWords[chain.registration]}
    >
      {chain === null ? (
        <Empty>The thread that reads the chain does not answer at this moment.</Empty>
      ) : (
        <>
          <DataTable
            caption="Registries"
            columns={registryColumns}
            rows={[
              { name: 'Gateways', ...chain.gateway },
              { name: 'Providers', ...chain.provider },
            ]}
            keyOf={({ name }) => name}
          />
          <DataTable
            caption="RPC endpoints"
            columns={rpcColumns}
            rows={chain.rpcEndpoints}
            keyOf={({ label }) => label}
          />
        </>
      )}
    </Panel>
  );
}
