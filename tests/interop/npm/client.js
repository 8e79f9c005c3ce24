// SPDX-License-Identifier: Apache-2.0
//
// client.js URL VERSION ID OPTIONS - an MQTT client made with the npm package mqtt. VERSION is 4
// (3.1.1) or 5. OPTIONS is JSON: {"ca","cert","key": files, "will": {"topic","text"}}.
//
// On stdout, a line of JSON for each: {"connected": true}, {"error": TEXT}, {"closed": true}; a message
// {"topic","text","retain","qos","props": MQTT 5 user properties}; the answer to a command
// {"id","code"}, where code is the reason code of a refusal and 0 otherwise; before it, a number that is
// about to be published {"topic","bits": hex of the double,"t"}.
// On stdin, commands: {"id","sub": [filters]}, {"id","pub": TOPIC,"text","retain"} with QoS 1,
// {"id","numbers": TOPIC,"count","form": "plain" or "json"}: doubles as this language writes them,
// one after the other, each when the last was acknowledged.
'use strict';
const fs = require('fs');
const mqtt = require('mqtt');
const readline = require('readline');

const [url, version, clientId, json] = process.argv.slice(2);
const o = JSON.parse(json);
const say = v => console.log(JSON.stringify(v));
const client = mqtt.connect(url, {protocolVersion: +version, clientId, reconnectPeriod: 0, clean: true,
	...(o.ca && {ca: fs.readFileSync(o.ca), rejectUnauthorized: true}),
	...(o.cert && {cert: fs.readFileSync(o.cert), key: fs.readFileSync(o.key)}),
	...(o.will && {will: {topic: o.will.topic, payload: Buffer.from(o.will.text), qos: 1, retain: false}})});
client.on('connect', () => say({connected: true}));
client.on('error', e => say({error: e.message}));
client.on('close', () => say({closed: true}));
client.on('message', (topic, bytes, p) => say({topic, text: bytes.toString(), retain: p.retain, qos: p.qos,
	props: {...(p.properties && p.properties.userProperties)}}));

const publish = (topic, text, retain) => new Promise(done => client.publish(topic, text, {qos: 1, retain},
	e => done(e ? e.code || -1 : 0)));
const double = i => [0.1 + 0.2 * i, Math.PI * 10 ** (i % 300), -5e-324 * (i + 1), 1.7976931348623157e308 / (i + 1),
	2 ** 53 + 2 * i, 1 / (i + 3), -1e21 - i * 1e5, i][i % 8];
function bits(v) {
	const b = Buffer.alloc(8);
	b.writeDoubleBE(v);
	return b.toString('hex');
}
async function numbers(c) {
	const first = Date.now() - c.count;
	let code = 0;
	for (let i = 0; i < c.count && code === 0; i++) {
		const v = double(i), t = first + i;
		say({topic: c.numbers, bits: bits(v), t});
		code = await publish(c.numbers, c.form === 'json' ? JSON.stringify({values: {v}, t}) : String(v), false);
	}
	return code;
}
readline.createInterface({input: process.stdin}).on('line', async line => {
	const c = JSON.parse(line);
	if (c.sub)
		client.subscribe(c.sub, {qos: 1}, (e, granted) =>
			say({id: c.id, code: e ? e.code || -1 : Math.max(...granted.map(g => g.qos)) >> 7}));
	else if (c.pub)
		say({id: c.id, code: await publish(c.pub, c.text, !!c.retain)});
	else
		say({id: c.id, code: await numbers(c)});
});
