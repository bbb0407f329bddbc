/**
 * What is posted for one change of an alert: `text` for Slack and its like, `content` for Discord, and the same in
 * fields for programs. Each of them takes what it knows and leaves the rest. Runs in main.
 */
import type { AlertChange } from './alertStates.js';

/** Which node speaks. */
export interface AlertingNode {
  /** The key's address; nodes of one identity share it. */
  readonly address: string;
  /** The name of this one: host of `node.publicUrl`, or of the machine. */
  readonly name: string;
  readonly version: string;
}

/** Discord refuses longer ones; nobody reads them anyway. */
const maxTextLength = 1_500;

export function webhookBody(change: AlertChange, node: AlertingNode): string {
  const { rule, subject, status, detail, startedAtMs, endedAtMs } = change;
  const key = [node.address, node.name, rule.name, ...(subject === '' ? [] : [subject])].join('/');
  const startsAt = new Date(startedAtMs).toISOString();
  const about = subject === '' ? '' : ` (${subject})`;
  const head = `[${status === 'firing' ? rule.severity : 'resolved'}] ${node.name}: ${rule.title}${about}`;
  const line = status === 'firing' ? `${head}: ${detail}. ${rule.remedy}` : head;
  const text = line.slice(0, maxTextLength);
  return JSON.stringify({
    text: forSlack(text),
    content: forDiscord(text),
    /** The same for each attempt to deliver one change. */
    id: `${key}/${startsAt}/${status}`,
    /** The same for the beginning and the end. */
    key,
    status,
    alert: rule.name,
    severity: rule.severity,
    subject: subject === '' ? null : subject,
    title: rule.title,
    detail,
    remedy: rule.remedy,
    startsAt,
    endsAt: endedAtMs === null ? null : new Date(endedAtMs).toISOString(),
    node,
  });
}

const slackEntities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' };

/** Details quote what others said: nothing in them may call people together or become a link. */
const forSlack = (text: string): string => text.replace(/[&<>]/g, (sign) => slackEntities[sign] ?? sign);
const forDiscord = (text: string): string => text.replaceAll('@', '@\u200b');
