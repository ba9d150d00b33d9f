// A phone in a browser, told what to do by the test that served this page: it asks for commands,
// and posts what happens and what it heard.
const JsSIP = load(entrances.jssip);
const RATE = 48000;
// Something to send before anything is said: silence.
const silence = new AudioContext().createMediaStreamDestination().stream;
const rtc = { pcConfig: { iceServers: [] }, mediaStream: silence };
let heard = [];
let second = { sum: 0, count: 0 };
let phone;
let session;

const tell = (event, more = {}) => fetch('/event', { method: 'POST', body: JSON.stringify({ event, ...more }) });

// What arrives is kept as it is, frame by frame and past the audio graph, which has gaps on a busy machine;
// a figure a second says how loud it was.
async function hear(track) {
  const frames = new MediaStreamTrackProcessor({ track, maxBufferSize: 1000 }).readable.getReader();
  for (;;) {
    const { value: frame, done } = await frames.read();
    if (done) return;
    if (frame.sampleRate !== RATE) tell('error', { error: `the sound has ${frame.sampleRate} Hz` });
    const samples = new Float32Array(frame.numberOfFrames);
    frame.copyTo(samples, { planeIndex: 0, format: 'f32-planar' });
    frame.close();
    heard.push(samples);
    for (const sample of samples) second.sum += sample * sample;
    second.count += samples.length;
    if (second.count >= RATE) {
      tell('stats', { level_in_dbov: 10 * Math.log10(second.sum / second.count + 1e-12) });
      second = { sum: 0, count: 0 };
    }
  }
}

function listen(connection) {
  connection.addEventListener('track', ({ track }) => {
    // Chromium fetches what arrives only while an element plays it.
    const element = new Audio();
    element.srcObject = new MediaStream([track]);
    element.play().catch(() => {});
    hear(track);
  });
  connection.addEventListener('connectionstatechange', () => tell('connection', { state: connection.connectionState }));
}

const commands = {
  register({ uri, user, password, server }) {
    phone = new JsSIP.UA({
      sockets: [new JsSIP.WebSocketInterface(server)], uri, authorization_user: user, password, session_timers: false,
    });
    phone.on('registered', () => tell('registered'));
    phone.on('registrationFailed', ({ cause }) => tell('registration-failed', { cause }));
    phone.on('newRTCSession', ({ originator, session: begun, request }) => {
      session = begun;
      heard = [];
      session.on('peerconnection', ({ peerconnection }) => listen(peerconnection));
      for (const name of ['progress', 'accepted', 'confirmed', 'hold', 'unhold']) session.on(name, () => tell(name));
      for (const name of ['ended', 'failed']) {
        session.on(name, ({ cause, originator: who, message }) => tell(name, { cause, who, code: message && message.status_code }));
      }
      if (originator === 'remote') tell('incoming', { from: String(request.from.uri), sdp: request.body });
    });
    phone.start();
  },
  call({ target }) {
    phone.call(target, rtc);
    listen(session.connection);
  },
  answer() { session.answer(rtc); },
  hangup() { session.terminate(); },
  // The recording, once, from now on: it is what Chromium takes for the microphone.
  async say({ seconds }) {
    const plain = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
    const [track] = (await navigator.mediaDevices.getUserMedia({ audio: plain })).getAudioTracks();
    const [sender] = session.connection.getSenders();
    const before = sender.track;
    await sender.replaceTrack(track);
    // The recording begins anew when nobody has it.
    if (before) before.stop();
    setTimeout(() => tell('played'), seconds * 1000);
  },
  // What was heard so far: 16-bit samples.
  async listen() {
    const samples = new Int16Array(heard.reduce((sum, block) => sum + block.length, 0));
    let at = 0;
    for (const block of heard) for (const sample of block) samples[at++] = Math.max(-1, Math.min(1, sample)) * 32767;
    await fetch('/heard', { method: 'POST', body: samples });
  },
  // Changes that a re-INVITE agrees on.
  hold() { renegotiate('hold', (done) => session.hold({}, done)); },
  resume() { renegotiate('resume', (done) => session.unhold({}, done)); },
  restart() { renegotiate('restart', (done) => session.renegotiate({ rtcOfferConstraints: { iceRestart: true } }, done)); },
  // How the path of the media is secured, and which one it is, as the browser itself says it.
  async inspect() {
    const stats = await session.connection.getStats();
    const transports = [...stats.values()].filter(({ type }) => type === 'transport').map((entry) => {
      const pair = stats.get(entry.selectedCandidatePairId) || {};
      const [from, to] = [pair.localCandidateId, pair.remoteCandidateId].map((id) => stats.get(id) || {});
      return {
        dtls: entry.dtlsState, role: entry.dtlsRole, srtp: entry.srtpCipher, ice: entry.iceState,
        ufrag: entry.iceLocalUsernameFragment, from: from.candidateType, to: to.candidateType,
        changes: entry.selectedCandidatePairChanges,
      };
    });
    tell('transports', { transports });
  },
};

function renegotiate(command, begin) {
  if (!begin(() => tell('changed', { command }))) tell('error', { command, error: 'not now' });
}

async function obey() {
  tell('ready');
  for (;;) {
    const answer = await fetch('/command', { method: 'POST' });
    if (answer.status !== 200) continue;
    const { command, ...words } = await answer.json();
    try { await commands[command](words); } catch (error) { tell('error', { command, error: String(error) }); }
  }
}
obey();
