use std::time::Duration;

use start_engine::net::ingest::IngestError;
use tokio::net::TcpSocket;

use crate::reading::{Reading, packets};
use crate::server::{Server, Step, answer_with, status, stream_of};

/// Small enough for a quick test, long enough for a loaded machine to answer on loopback.
const SHORT: Duration = Duration::from_millis(1500);

/// A stream that goes on after the packets.
fn live(body: &[u8]) -> Vec<Step> {
    vec![Step::Send(stream_of(body)), Step::Stall]
}

#[tokio::test]
async fn plain_stream_arrives_whole() {
    let body = packets(0..500);
    let server = Server::start(vec![live(&body)]).await;
    let mut reading = Reading::start(&server.url());
    // the last packet waits for its successor
    let wanted = body.len() - 188;
    assert!(reading.bytes(wanted).await == body[..wanted]);
    assert!(server.requests()[0].to_ascii_lowercase().contains("icy-metadata: 0"));
    reading.stop().await.expect("a clean end");
}

#[tokio::test]
async fn chunked_stream_arrives_whole() {
    let body = packets(0..100);
    let mut sent = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    for chunk in body.chunks(333) {
        sent.extend(format!("{:x}\r\n", chunk.len()).as_bytes());
        sent.extend(chunk);
        sent.extend(b"\r\n");
    }
    let server = Server::start(vec![vec![Step::Send(sent), Step::Stall]]).await;
    let got = Reading::start(&server.url()).bytes(body.len() - 188).await;
    assert!(got == body[..got.len()]);
}

#[tokio::test]
async fn redirect_is_followed() {
    let body = packets(0..20);
    let target = Server::start(vec![live(&body)]).await;
    let head = format!("HTTP/1.1 302 Found\r\nLocation: {}\r\nContent-Length: 0", target.url());
    let server = Server::start(vec![vec![Step::Send(answer_with(&head, b""))]]).await;
    let got = Reading::start(&server.url()).bytes(10 * 188).await;
    assert!(got == body[..got.len()]);
}

#[tokio::test]
async fn endless_redirects_end_the_reading() {
    let redirect = answer_with("HTTP/1.1 302 Found\r\nLocation: /live.ts\r\nContent-Length: 0", b"");
    let server = Server::start(vec![vec![Step::Send(redirect)]]).await;
    let end = Reading::start(&server.url()).end().await;
    assert!(matches!(end, Err(IngestError::Redirects { .. })), "{end:?}");
}

#[tokio::test]
async fn missing_stream_ends_the_reading_at_once() {
    let server = Server::start(vec![status("404 Not Found")]).await;
    let url = server.url().replace("http://", "http://me:secret@");
    let error = Reading::start(&url).end().await.expect_err("404");
    assert!(error.to_string().contains(&format!("{}: the server answered 404", server.url())), "{error}");
    assert!(!error.to_string().contains("secret"));
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn busy_server_is_asked_again() {
    let body = packets(0..20);
    let scripts = vec![status("503 Busy"), status("500 Broken"), live(&body)];
    let server = Server::start(scripts).await;
    let mut reading = Reading::start(&server.url());
    let got = reading.bytes(10 * 188).await;
    assert!(got == body[..got.len()]);
    assert_eq!(reading.lost.len(), 2);
    assert!(reading.lost[0].contains("503"), "{:?}", reading.lost);
}

#[tokio::test]
async fn server_that_comes_later_is_found() {
    // bound but not listening: the port is ours, and whoever dials it is refused
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind("127.0.0.1:0".parse().expect("an address")).expect("a port");
    let addr = socket.local_addr().expect("an address");
    let mut reading = Reading::start(&format!("http://{addr}/live.ts"));
    reading.lost(2).await;
    let server = Server::start_on(socket.listen(8).expect("listening"), vec![live(&packets(0..20))]);
    reading.bytes(10 * 188).await;
    assert_eq!(server.addr, addr);
}

#[tokio::test]
async fn page_ends_the_reading() {
    let page = answer_with("HTTP/1.1 200 OK\r\nContent-Type: text/html", b"<html>Hello</html>");
    let server = Server::start(vec![vec![Step::Send(page)]]).await;
    let error = Reading::start(&server.url()).end().await.expect_err("HTML");
    assert!(matches!(error, IngestError::NotTransportStream { bytes: 18, .. }), "{error:?}");
    assert!(error.to_string().contains("HTML"), "{error}");
}

#[tokio::test]
async fn other_data_without_end_ends_the_reading() {
    let scripts = vec![live(&vec![0x33; 100_000])];
    let error = Reading::start(&Server::start(scripts).await.url()).end().await.expect_err("no packets");
    assert!(matches!(error, IngestError::NotTransportStream { .. }), "{error:?}");
}

#[tokio::test]
async fn cut_stream_goes_on_where_the_next_one_begins() {
    let scripts = vec![
        vec![Step::Send([stream_of(&packets(0..50)), vec![0x47; 100]].concat())],
        status("404 Not Found"),
        vec![Step::Send(answer_with("HTTP/1.1 200 OK\r\nContent-Type: text/html", b"<html>"))],
        live(&packets(70..120)),
    ];
    let server = Server::start(scripts).await;
    let mut reading = Reading::start(&server.url());
    let expected = [packets(0..50), packets(70..119)].concat();
    assert!(reading.bytes(expected.len()).await == expected);
    assert_eq!((reading.lost.len(), reading.connected), (3, 2));
}

#[tokio::test]
async fn stalled_stream_is_opened_again() {
    let server = Server::start(vec![live(&packets(0..20)), live(&packets(20..40))]).await;
    let mut reading = Reading::start_with(&server.url(), SHORT);
    let got = reading.bytes(30 * 188).await;
    assert!(got[..19 * 188] == packets(0..19));
    assert!(reading.lost[0].contains("no packet within 1.5s"), "{:?}", reading.lost);
}

#[tokio::test]
async fn silent_server_is_asked_again() {
    let server = Server::start(vec![vec![Step::Stall], live(&packets(0..20))]).await;
    let mut reading = Reading::start_with(&server.url(), SHORT);
    reading.bytes(10 * 188).await;
    assert!(reading.lost[0].contains("no answer within 1.5s"), "{:?}", reading.lost);
}

#[tokio::test]
async fn single_bytes_now_and_then_are_no_stream() {
    let drip = Step::Trickle(packets(0..20), Duration::from_millis(50));
    let scripts = vec![vec![Step::Send(stream_of(b"")), drip], live(&packets(0..20))];
    let server = Server::start(scripts).await;
    let mut reading = Reading::start_with(&server.url(), SHORT);
    reading.bytes(10 * 188).await;
    assert!(reading.lost[0].contains("no packet within"), "{:?}", reading.lost);
}

#[tokio::test]
async fn shoutcast_answer_is_read_and_titles_are_taken_out() {
    let body = packets(0..60);
    let mut sent = b"ICY 200 OK\r\nicy-name: x\r\nicy-metaint: 1000\r\n\r\n".to_vec();
    for part in body.chunks(1000) {
        sent.extend(part);
        if part.len() == 1000 {
            sent.extend([2; 1]);
            sent.extend([b'G'; 32]);
        }
    }
    let server = Server::start(vec![vec![Step::Send(sent), Step::Stall]]).await;
    let url = server.url().replace("http://", "http://me:pass@");
    let got = Reading::start(&url).bytes(body.len() - 188).await;
    assert!(got == body[..got.len()]);
    // the client was asked first, then the reader of such answers
    let requests = server.requests();
    assert_eq!(requests.len(), 2);
    for request in requests {
        assert!(request.to_ascii_lowercase().contains("authorization: basic"), "{request}");
        assert!(request.contains("bWU6cGFzcw=="), "{request}");
    }
}

#[tokio::test]
async fn refused_shoutcast_answer_ends_the_reading() {
    let answer = b"ICY 401 Service Unavailable\r\n\r\n".to_vec();
    let server = Server::start(vec![vec![Step::Send(answer)]]).await;
    let end = Reading::start(&server.url()).end().await;
    assert!(matches!(end, Err(IngestError::Refused { .. })), "{end:?}");
}

#[tokio::test]
async fn garbage_instead_of_an_answer_is_tried_again() {
    let garbage = vec![Step::Send(b"SSH-2.0-OpenSSH_9\r\n\r\n".to_vec())];
    let server = Server::start(vec![garbage.clone(), garbage, live(&packets(0..20))]).await;
    let mut reading = Reading::start(&server.url());
    reading.bytes(10 * 188).await;
    assert!(reading.lost[0].contains("no HTTP"), "{:?}", reading.lost);
}
