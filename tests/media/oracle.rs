//! Our view of packets against that of the mpeg2ts crate.

use mpeg2ts::ts::{ReadTsPacket, TsPacketReader};
use start_engine::media::pes_time;
use start_engine::media::ts::{NULL_PID, PACKET_BYTES, Packet};

const CLIP: &[u8] = include_bytes!("../../src/node/demo/clip.ts");

#[test]
fn packet_view_agrees_with_the_oracle() {
    let mut oracle = TsPacketReader::new(CLIP);
    let (mut clocks, mut stamps) = (0, 0);
    for bytes in CLIP.chunks(PACKET_BYTES) {
        let ours = Packet::new(bytes).expect("a packet");
        let theirs = oracle.read_ts_packet().expect("readable").expect("as many packets");
        assert_eq!(ours.pid(), theirs.header.pid.as_u16());
        if ours.pid() == NULL_PID {
            continue;
        }
        assert_eq!(ours.continuity_counter(), theirs.header.continuity_counter.as_u8());
        let field = theirs.adaptation_field.as_ref();
        assert_eq!(ours.pcr(), field.and_then(|field| field.pcr).map(|pcr| pcr.as_u64()));
        assert_eq!(ours.is_random_access(), field.is_some_and(|field| field.random_access_indicator));
        clocks += usize::from(ours.pcr().is_some());
        if let Some(mpeg2ts::ts::TsPayload::PesStart(pes)) = theirs.payload {
            let places = pes_time::find(&ours).expect("stamps");
            let stamp = |place| pes_time::read(ours.bytes(), place);
            assert_eq!(pes.header.pts.map(|pts| pts.as_u64()), Some(stamp(places.pts)));
            assert_eq!(pes.header.dts.map(|dts| dts.as_u64()), places.dts.map(stamp));
            stamps += 1;
        }
    }
    assert!(clocks > 300 && stamps > 200, "{clocks} {stamps}");
}
