//! A real browser without a window: Debian's `chromium`, driven over its DevTools protocol.
//!
//! The protocol's messages are JSON, each with a zero byte at its end. The browser reads them on
//! its descriptor 3 and writes them on 4, which a shell connects to the pipes of the test.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::DEADLINE;

/// The flags that keep the browser from doing anything but what a test requests.
const SCRIPT: &str = "exec chromium --headless --remote-debugging-pipe --no-sandbox --disable-gpu \
                      --no-first-run --disable-background-networking --disable-component-update \
                      --disable-default-apps --disable-sync --disable-extensions \
                      --disable-dev-shm-usage --user-data-dir=\"$0\" about:blank \
                      3<&0 4>&1 </dev/null >/dev/null 2>&1";

/// A browser with one page.
pub(crate) struct Browser {
    child: Child,
    input: ChildStdin,
    output: Receiver<Value>,
    calls: u64,
    session: Option<String>,
    /// The events since the last visit.
    events: Vec<Value>,
    _profile: TempDir,
}

impl Browser {
    /// Starts the browser.
    #[track_caller]
    pub(crate) fn start() -> Self {
        let profile = tempfile::tempdir().expect("a temporary folder");
        let mut child = Command::new("sh")
            .args(["-c", SCRIPT])
            .arg(profile.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a shell");
        let input = child.stdin.take().expect("it is piped");
        let mut reader = BufReader::new(child.stdout.take().expect("it is piped"));
        let (sender, output) = channel();
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            while reader.read_until(0, &mut bytes).is_ok_and(|count| count > 0) {
                let message = serde_json::from_slice(&bytes[..bytes.len() - 1]);
                // The receiver of a test that has ended is gone.
                if message.is_ok_and(|message| sender.send(message).is_err()) {
                    return;
                }
                bytes.clear();
            }
        });
        let (calls, session, events) = (0, None, Vec::new());
        let mut browser = Self { child, input, output, calls, session, events, _profile: profile };
        let target = browser.call("Target.createTarget", json!({"url": "about:blank"}));
        let attach = json!({"targetId": target["targetId"], "flatten": true});
        let session = browser.call("Target.attachToTarget", attach)["sessionId"].clone();
        browser.session = session.as_str().map(str::to_owned);
        for domain in ["Page", "Runtime", "Log", "Network"] {
            browser.call(&format!("{domain}.enable"), json!({}));
        }
        browser
    }

    /// Calls a method, and returns its result.
    #[track_caller]
    pub(crate) fn call(&mut self, method: &str, parameters: Value) -> Value {
        self.calls += 1;
        let id = self.calls;
        let mut message = json!({"id": id, "method": method, "params": parameters});
        if let Some(session) = &self.session {
            message["sessionId"] = json!(session);
        }
        let mut bytes = message.to_string().into_bytes();
        bytes.push(0);
        self.input.write_all(&bytes).expect("the browser reads; is `chromium` installed?");
        let answer = self.until(method, |message| message["id"] == id);
        assert!(answer["error"].is_null(), "{method}: {answer}");
        answer["result"].clone()
    }

    /// Waits for a message, and keeps the events before it.
    #[track_caller]
    fn until(&mut self, what: &str, is_it: impl Fn(&Value) -> bool) -> Value {
        loop {
            let message = self.output.recv_timeout(DEADLINE);
            let message = message.unwrap_or_else(|error| panic!("{what}: {error}"));
            if is_it(&message) {
                return message;
            }
            self.events.push(message);
        }
    }

    /// Opens a file, and waits until all of it is loaded.
    #[track_caller]
    pub(crate) fn visit(&mut self, file: &Path) {
        self.open(&format!("file://{}", file.display()));
    }

    /// Opens a page, and waits until all of it is loaded.
    #[track_caller]
    pub(crate) fn open(&mut self, url: &str) {
        self.events.clear();
        self.call("Page.navigate", json!({"url": url}));
        let is_loaded = |message: &Value| message["method"] == "Page.loadEventFired";
        if !self.events.iter().any(is_loaded) {
            let event = self.until("the page is loaded", is_loaded);
            self.events.push(event);
        }
    }

    /// Returns the parameters of all events of this kind since the last visit.
    pub(crate) fn events(&self, method: &str) -> Vec<&Value> {
        let events = self.events.iter().filter(|event| event["method"] == method);
        events.map(|event| &event["params"]).collect()
    }

    /// Returns the value of an expression in the page.
    #[track_caller]
    pub(crate) fn value(&mut self, expression: &str) -> Value {
        let parameters = json!({"expression": expression, "returnByValue": true});
        let result = self.call("Runtime.evaluate", parameters);
        assert!(result["exceptionDetails"].is_null(), "{expression}: {result}");
        result["result"]["value"].clone()
    }

    /// Lays the page out for a screen of this width.
    #[track_caller]
    pub(crate) fn width(&mut self, width: u32) {
        let size = json!({"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": false});
        self.call("Emulation.setDeviceMetricsOverride", size);
    }

    /// Chooses the colour scheme: `light` or `dark`.
    #[track_caller]
    pub(crate) fn scheme(&mut self, scheme: &str) {
        let features = json!([{"name": "prefers-color-scheme", "value": scheme}]);
        self.call("Emulation.setEmulatedMedia", json!({"features": features}));
    }

    /// Moves, presses or releases the mouse.
    #[track_caller]
    pub(crate) fn mouse(&mut self, kind: &str, x: f64, y: f64) {
        let (button, buttons) = if kind == "mouseMoved" { ("none", 0) } else { ("left", 1) };
        let event = json!({
            "type": kind, "x": x, "y": y, "button": button, "buttons": buttons, "clickCount": 1,
        });
        self.call("Input.dispatchMouseEvent", event);
    }

    /// Stores a picture of the whole page in cargo's folder for tests, so that people can look.
    #[track_caller]
    pub(crate) fn picture(&mut self, name: &str) {
        let parameters = json!({"format": "png", "captureBeyondViewport": true});
        let result = self.call("Page.captureScreenshot", parameters);
        let bytes = STANDARD.decode(result["data"].as_str().expect("a picture")).expect("base64");
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
        std::fs::create_dir_all(folder).expect("writable");
        std::fs::write(folder.join(format!("{name}.png")), bytes).expect("writable");
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _killed = self.child.kill();
        let _reaped = self.child.wait();
    }
}
