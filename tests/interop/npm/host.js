// SPDX-License-Identifier: Apache-2.0
//
// host.js BROKER GROUP NODE - a Sparkplug host made with the npm packages mqtt and sparkplug-payload.
// Each message of the node is one line on stdout:
// {"type","device","seq","metrics":[{"name","alias","type","value","isNull","quality","t"}]}, values of
// DDATA with the name and type that their alias had in the birth. Lines on stdin are commands:
// "rebirth", "command NODE METRIC" (an NCMD), "write METRIC" (a DCMD), "state true", "state false", "end".
'use strict';
const mqtt = require('mqtt');
const payload = require('sparkplug-payload').get('spBv1.0');
const readline = require('readline');

const [url, group, node] = process.argv.slice(2);
const client = mqtt.connect(url, {protocolVersion: 4, clientId: 'npm-host'});
const born = new Map();
client.on('connect', () => client.subscribe(`spBv1.0/${group}/#`, () => console.log('"subscribed"')));
client.on('error', e => { console.error(e.message); process.exit(1); });
client.on('message', (topic, bytes) => {
	const [, , type, edge, device] = topic.split('/');
	if (edge !== node || type.endsWith('CMD'))
		return;
	const p = payload.decodePayload(bytes);
	const metrics = (p.metrics || []).map(m => {
		if (type.endsWith('BIRTH') && m.alias !== undefined)
			born.set(String(m.alias), m);
		const known = m.name !== undefined && m.name !== '' ? m : born.get(String(m.alias)) || {};
		let value = m.value;
		if (m.type === undefined && typeof value === 'number' && known.type === 'Int32')
			value |= 0;
		return {name: known.name, alias: m.alias && Number(m.alias), type: known.type,
			value: value === undefined || value === null ? null : typeof value === 'object' ? String(value) : value,
			isNull: !!m.isNull, quality: m.properties && m.properties.Quality && m.properties.Quality.value,
			unit: m.properties && m.properties.engUnit && m.properties.engUnit.value,
			t: m.timestamp && Number(m.timestamp)};
	});
	console.log(JSON.stringify({type, device, seq: p.seq === undefined ? null : Number(p.seq), metrics}));
});
const send = (topic, metrics) => client.publish(topic,
	Buffer.from(payload.encodePayload({timestamp: Date.now(), metrics})));
readline.createInterface({input: process.stdin}).on('line', line => {
	const [word, arg, ...rest] = line.split(' ');
	if (word === 'rebirth')
		send(`spBv1.0/${group}/NCMD/${node}`, [{name: 'Node Control/Rebirth', type: 'Boolean', value: true}]);
	else if (word === 'command')
		send(`spBv1.0/${group}/NCMD/${arg}`, [{name: rest.join(' '), type: 'Boolean', value: true}]);
	else if (word === 'write')
		send(`spBv1.0/${group}/DCMD/${node}/dev`, [{name: arg, type: 'Double', value: 1}]);
	else if (word === 'state')
		client.publish('spBv1.0/STATE/npm-host', JSON.stringify({online: arg === 'true', timestamp: Date.now()}),
			{qos: 1, retain: true});
	else
		client.end(false, {}, () => process.exit(0));
});
