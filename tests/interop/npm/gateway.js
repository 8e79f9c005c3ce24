// SPDX-License-Identifier: Apache-2.0
//
// gateway.js BROKER GROUP NODE COUNT INTERVAL_MS - an edge node made with the npm package
// sparkplug-client: one device with a metric of every scalar type, births again when asked.
// Each value that was published is one line on stdout: {"name","type","value","t"}; then "done".
// A line on stdin ends it (NDEATH).
'use strict';
const Long = require('long');
const sparkplug = require('sparkplug-client');

const [url, groupId, edgeNode, count, interval] = process.argv.slice(2);
const long = (s, unsigned) => Long.fromString(s, unsigned);
const types = [
	['Int8', i => -(i % 128) - 1], ['Int16', i => -12 - i], ['Int32', i => -2000000000 - i],
	['Int64', i => long('-9007199254740993', false).sub(i)],
	['UInt8', i => i % 256], ['UInt16', i => 65535 - i], ['UInt32', i => 4294967295 - i],
	['UInt64', i => long('9223372036854770000', true).add(i)],
	['Float', i => Math.fround(0.1 * i + 0.3)], ['Double', i => Math.PI * i - 1e-3],
	['Boolean', i => i % 2 === 1], ['String', i => `grün ${i}`],
	['DateTime', i => 1700000000000 + i], ['Text', i => `line\n${i}`],
	['UUID', i => `00000000-0000-4000-8000-${String(i).padStart(12, '0')}`],
];
let n = 0, timer = null, last = Date.now();

const told = v => Long.isLong(v) ? v.toString() : v;
function metrics(i, t, isBirth) {
	return types.map(([type, f], k) => {
		const m = {name: `all/${type}`, type, value: f(i), alias: k + 10, timestamp: t};
		if (isBirth)
			m.properties = {engUnit: {type: 'String', value: 'u'}, Quality: {type: 'Int32', value: 192}};
		console.log(JSON.stringify({name: m.name, type, value: told(m.value), t}));
		return m;
	});
}
function births() {
	const t = last;
	client.publishNodeBirth({timestamp: t, metrics: [
		{name: 'Node Control/Rebirth', type: 'Boolean', value: false, timestamp: t}]});
	client.publishDeviceBirth('dev', {timestamp: t, metrics: metrics(n, t, true)});
}
const client = sparkplug.newClient({serverUrl: url, username: '', password: '', groupId, edgeNode,
	clientId: `npm-${edgeNode}`, version: 'spBv1.0', publishDeath: true});
client.on('birth', () => {
	births();
	timer ??= setInterval(data, +interval);
});
client.on('ncmd', payload => {
	if (payload.metrics.some(m => m.name === 'Node Control/Rebirth' && m.value === true)) {
		console.log('"rebirth"');
		births();
	}
});
client.on('error', e => { console.error(e.message); process.exit(1); });
function data() {
	if (n >= +count) {
		clearInterval(timer);
		console.log('"done"');
		return;
	}
	n++;
	last = Math.max(last + 1, Date.now());
	client.publishDeviceData('dev', {timestamp: last, metrics: metrics(n, last, false)});
}
process.stdin.once('data', () => { client.stop(); setTimeout(() => process.exit(0), 300); });
