//! A router that speaks UPnP alone: it answers searches, describes itself and maps.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::{Arc, Mutex};
use std::thread;

use crate::pmp_router::loopback;

const SERVICE: &str = "urn:schemas-upnp-org:service:WANIPConnection:1";

#[derive(Clone)]
pub struct IgdRouter {
    pub ip: Ipv4Addr,
    pub ssdp: SocketAddr,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    /// Protocol and outer port to the inner address.
    mappings: BTreeMap<(String, u16), String>,
    taken: Option<u16>,
    knows_only_permanent: bool,
    searches: usize,
    /// Sent instead of the description.
    description: Option<String>,
}

impl IgdRouter {
    pub fn start() -> Self {
        let ip = loopback();
        let search = UdpSocket::bind((ip, 0)).expect("a port");
        let web = TcpListener::bind((ip, 0)).expect("a port");
        let location = format!("http://{}/root.xml", web.local_addr().expect("bound"));
        let router = Self {
            ip,
            ssdp: search.local_addr().expect("bound"),
            state: Arc::new(Mutex::new(State::default())),
        };
        let (state, counted) = (router.state.clone(), router.state.clone());
        thread::spawn(move || {
            let mut buffer = [0; 1500];
            while let Ok((_, from)) = search.recv_from(&mut buffer) {
                counted.lock().expect("no panic").searches += 1;
                let answer =
                    format!("HTTP/1.1 200 OK\r\nST: upnp:rootdevice\r\nLocation: {location}\r\n\r\n");
                let _ = search.send_to(answer.as_bytes(), from);
            }
        });
        thread::spawn(move || {
            for stream in web.incoming().flatten() {
                let state = state.clone();
                thread::spawn(move || serve(stream, &state));
            }
        });
        router
    }

    pub fn mapped(&self) -> Vec<(String, u16, String)> {
        let state = self.state.lock().expect("no panic");
        state.mappings.iter().map(|((protocol, port), to)| (protocol.clone(), *port, to.clone())).collect()
    }

    /// Datagrams that searched for it.
    pub fn searches(&self) -> usize {
        self.state.lock().expect("no panic").searches
    }

    pub fn take(&self, port: u16) {
        self.state.lock().expect("no panic").taken = Some(port);
    }

    pub fn know_only_permanent(&self) {
        self.state.lock().expect("no panic").knows_only_permanent = true;
    }

    pub fn describe_as(&self, description: String) {
        self.state.lock().expect("no panic").description = Some(description);
    }
}

fn serve(mut stream: TcpStream, state: &Mutex<State>) -> Option<()> {
    loop {
        let request = read_request(&mut stream)?;
        let (status, body) = state.lock().expect("no panic").answer(&request);
        let head =
            format!("HTTP/1.1 {status}\r\nContent-Type: text/xml\r\nContent-Length: {}\r\n\r\n", body.len());
        stream.write_all((head + &body).as_bytes()).ok()?;
    }
}

fn read_request(stream: &mut TcpStream) -> Option<String> {
    let mut request = Vec::new();
    loop {
        let mut buffer = [0; 4096];
        let length = stream.read(&mut buffer).ok().filter(|length| *length > 0)?;
        request.extend(&buffer[..length]);
        let text = String::from_utf8_lossy(&request).into_owned();
        if let Some(head_bytes) = text.find("\r\n\r\n") {
            let lower = text.to_lowercase();
            let body = lower.split("content-length: ").nth(1).and_then(|rest| rest.lines().next());
            if request.len() >= head_bytes + 4 + body.map_or(0, |length| length.parse().unwrap_or(0)) {
                return Some(text);
            }
        }
    }
}

impl State {
    fn answer(&mut self, request: &str) -> (&'static str, String) {
        if request.starts_with("GET /root.xml") {
            return ("200 OK", self.description.clone().unwrap_or_else(description));
        }
        if request.starts_with("GET ") {
            return ("200 OK", schema());
        }
        let value = |name: &str| {
            let rest = request.split(&format!("<{name}>")).nth(1)?;
            Some(rest.split("</").next()?.to_owned())
        };
        let key = || Some((value("NewProtocol")?, value("NewExternalPort")?.parse::<u16>().ok()?));
        match (request, key()) {
            (text, _) if text.contains("#GetExternalIPAddress\"") => {
                reply("GetExternalIPAddress", "<NewExternalIPAddress>100.64.0.9</NewExternalIPAddress>")
            }
            (text, Some((_, port))) if text.contains("#AddPortMapping\"") && self.taken == Some(port) => {
                fault(718)
            }
            (text, Some(key)) if text.contains("#AddPortMapping\"") => {
                if self.knows_only_permanent && value("NewLeaseDuration").as_deref() != Some("0") {
                    return fault(725);
                }
                let to =
                    [value("NewInternalClient"), value("NewInternalPort")].map(Option::unwrap_or_default);
                self.mappings.insert(key, to.join(":"));
                reply("AddPortMapping", "")
            }
            (text, Some(key)) if text.contains("#DeletePortMapping\"") => {
                self.mappings.remove(&key);
                reply("DeletePortMapping", "")
            }
            _ => fault(401),
        }
    }
}

fn reply(action: &str, values: &str) -> (&'static str, String) {
    let body = format!("<u:{action}Response xmlns:u=\"{SERVICE}\">{values}</u:{action}Response>");
    ("200 OK", envelope(&body))
}

fn fault(code: u16) -> (&'static str, String) {
    let error = format!(
        "<UPnPError xmlns=\"urn:schemas-upnp-org:control-1-0\"><errorCode>{code}</errorCode>\
         <errorDescription>no</errorDescription></UPnPError>"
    );
    let fault = format!(
        "<s:Fault><faultcode>s:Client</faultcode><faultstring>UPnPError</faultstring><detail>{error}</detail></s:Fault>"
    );
    ("500 Internal Server Error", envelope(&fault))
}

fn envelope(body: &str) -> String {
    format!(
        "<?xml version=\"1.0\"?><s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\" \
         s:encodingStyle=\"http://schemas.xmlsoap.org/soap/encoding/\"><s:Body>{body}</s:Body></s:Envelope>"
    )
}

fn description() -> String {
    format!(
        "<?xml version=\"1.0\"?><root xmlns=\"urn:schemas-upnp-org:device-1-0\"><device><deviceType>\
         urn:schemas-upnp-org:device:InternetGatewayDevice:1</deviceType><deviceList><device><deviceType>\
         urn:schemas-upnp-org:device:WANDevice:1</deviceType><deviceList><device><deviceType>\
         urn:schemas-upnp-org:device:WANConnectionDevice:1</deviceType><serviceList><service><serviceType>{SERVICE}\
         </serviceType><SCPDURL>/scpd.xml</SCPDURL><controlURL>/control</controlURL></service></serviceList></device>\
         </deviceList></device></deviceList></device></root>"
    )
}

fn schema() -> String {
    let action = |name: &str, arguments: &[&str]| {
        let arguments: String = arguments
            .iter()
            .map(|name| format!("<argument><name>{name}</name><direction>in</direction></argument>"))
            .collect();
        format!("<action><name>{name}</name><argumentList>{arguments}</argumentList></action>")
    };
    let key = ["NewRemoteHost", "NewExternalPort", "NewProtocol"];
    let target = [
        "NewInternalPort",
        "NewInternalClient",
        "NewEnabled",
        "NewPortMappingDescription",
        "NewLeaseDuration",
    ];
    let add = action("AddPortMapping", &[&key[..], &target].concat());
    let actions = add + &action("DeletePortMapping", &key) + &action("GetExternalIPAddress", &[]);
    format!(
        "<?xml version=\"1.0\"?><scpd xmlns=\"urn:schemas-upnp-org:service-1-0\"><actionList>{actions}</actionList></scpd>"
    )
}
