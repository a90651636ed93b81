#!/bin/sh
# Makes src/node/demo/clip.ts, the clip that --demo broadcasts. Needs ffmpeg with libx264 and a font.
# Eight seconds are 200 pictures and 375 AAC frames exactly, so rounds join without a gap.
# The same ffmpeg (5.1) gives the same bytes.
set -eu
cd "$(dirname "$0")/../.."
parts=$(mktemp -d)
trap 'rm -r "$parts"' EXIT
font=${FONT:-/usr/share/fonts/truetype/dejavu/DejaVuSansMono-Bold.ttf}
clock="drawtext=fontfile=$font:fontsize=40:fontcolor=white:box=1:boxcolor=black@0.7:boxborderw=8:x=(w-tw)/2:y=(h-th)/2"
exact="-flags +bitexact -fflags +bitexact -map_metadata -1"
ffmpeg -nostdin -loglevel error -f lavfi \
    -i "testsrc2=size=320x180:rate=25,$clock:text='%{eif\:mod(t\,8)\:d}.%{eif\:mod(n\,25)*4\:d\:2}'" -frames:v 200 \
    -c:v libx264 -preset slow -profile:v main -pix_fmt yuv420p -g 25 -keyint_min 25 -sc_threshold 0 \
    -bf 0 -b:v 400k -maxrate 400k -bufsize 100k -x264-params "nal-hrd=cbr:threads=1:open-gop=0" \
    $exact "$parts/video.nut"
ffmpeg -nostdin -loglevel error -f lavfi \
    -i "aevalsrc='0.2*sin(2*PI*880*t)*between(mod(t,1),0.4,0.5)':sample_rate=48000" -frames:a 375 \
    -c:a aac -b:a 64k -ac 2 $exact "$parts/audio.nut"
ffmpeg -nostdin -loglevel error -y -i "$parts/video.nut" -i "$parts/audio.nut" -map 0:v -map 1:a -c copy $exact \
    -metadata service_name="Demo" -metadata service_provider="start-engine" \
    -muxrate 601600 -pcr_period 20 -pes_payload_size 0 -mpegts_flags +resend_headers+pat_pmt_at_frames -f mpegts src/node/demo/clip.ts

# The multiplexer ends with the last picture: null packets fill the round up to its 8 s.
null_packet() { printf '\107\037\377\020'; head -c 184 /dev/zero | tr '\000' '\377'; }
missing=$((601600 * 8 / 8 / 188 - $(wc -c <src/node/demo/clip.ts) / 188))
while [ "$missing" -gt 0 ]; do
    null_packet >>src/node/demo/clip.ts
    missing=$((missing - 1))
done
