use super::*;
use proptest::prelude::proptest;
use std::future::Future;

fn streams(replay_bytes_max: u64, replay_timeout_ms: u64) -> Arc<Streams> {
    Streams::new(&Limits { replay_bytes_max, replay_timeout_ms, ..Limits::default() })
}

async fn told(follower: &mut Follower) -> Option<(u64, String)> {
    follower.next().await.map(|event| (event.seq, event.json.to_string()))
}

/// Whether `future` is not ready when it is looked at for the first time.
async fn waits(future: impl Future) -> bool {
    tokio::pin!(future);
    futures::poll!(future.as_mut()).is_pending()
}

#[tokio::test]
async fn a_client_that_comes_back_hears_the_rest_of_that_stream_only() {
    let streams = streams(1_000, 60_000);
    let (writer, mut follower) = streams.open();
    let (other, _other) = streams.open();
    for text in ["a", "b", "c"] {
        writer.push(text.to_owned()).await.unwrap();
        other.push("other".to_owned()).await.unwrap();
    }
    assert_eq!(told(&mut follower).await, Some((1, "a".to_owned())));
    assert_eq!(told(&mut follower).await, Some((2, "b".to_owned())));
    drop(follower);
    let mut back = streams.follow(1, Some(1)).unwrap();
    writer.answer("d".to_owned(), None).await.unwrap();
    drop(writer);
    for expected in [(2, "b"), (3, "c"), (4, "d")] {
        assert_eq!(told(&mut back).await, Some((expected.0, expected.1.to_owned())));
    }
    assert_eq!(told(&mut back).await, None);
    assert!(streams.follow(1, Some(4)).is_some(), "it may be asked for once more");
    assert!(streams.follow(1, Some(5)).is_none() && streams.follow(9, Some(0)).is_none());
}

proptest! {
    #[test]
    fn whatever_was_read_the_rest_is_told_once_and_in_order(events in 0_u64..20, read in 0_u64..20, known in 0_u64..20) {
        let (read, known) = (read.min(events), known.min(events));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let rest = runtime.block_on(async {
            let streams = streams(10_000, 60_000);
            let (writer, mut follower) = streams.open();
            for number in 1..=events {
                writer.push(number.to_string()).await.unwrap();
            }
            drop(writer);
            for _ in 0..read {
                told(&mut follower).await.unwrap();
            }
            let mut back = streams.follow(1, Some(known)).unwrap();
            let mut rest = Vec::new();
            while let Some((seq, text)) = told(&mut back).await {
                assert_eq!(seq.to_string(), text);
                rest.push(seq);
            }
            rest
        });
        assert_eq!(rest, (known + 1..=events).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn a_newer_connection_takes_the_place_of_the_older() {
    let streams = streams(1_000, 60_000);
    let (writer, mut first) = streams.open();
    let mut second = streams.follow(1, None).unwrap();
    writer.push("a".to_owned()).await.unwrap();
    assert_eq!(told(&mut first).await, None);
    first.forget();
    assert!(writer.is_followed(), "the older one leaving changes nothing");
    assert_eq!(told(&mut second).await, Some((1, "a".to_owned())));
}

#[tokio::test]
async fn what_was_read_makes_room_and_then_the_writer_waits() {
    let streams = streams(10, 60_000);
    let (writer, mut follower) = streams.open();
    writer.push("12345".to_owned()).await.unwrap();
    writer.push("12345".to_owned()).await.unwrap();
    assert!(waits(writer.push("6".to_owned())).await, "nothing was read");
    told(&mut follower).await.unwrap();
    assert!(!waits(writer.push("6".to_owned())).await, "the first event makes room");
    assert!(streams.follow(1, Some(0)).is_none(), "and is not kept any more");
    let mut back = streams.follow(1, Some(1)).unwrap();
    assert_eq!(told(&mut back).await.unwrap().0, 2);
}

#[tokio::test]
async fn an_event_larger_than_the_bound_is_told_all_the_same() {
    let streams = streams(3, 60_000);
    let (writer, mut follower) = streams.open();
    writer.push("large".to_owned()).await.unwrap();
    assert!(waits(writer.push("x".to_owned())).await);
    assert_eq!(told(&mut follower).await.unwrap().1, "large");
}

#[tokio::test]
async fn what_may_be_lost_makes_room_by_itself() {
    let streams = streams(10, 60_000);
    let standalone = streams.standalone();
    for text in ["aaaa", "bbbb", "cccc"] {
        standalone.push_lossy(text.to_owned());
    }
    let mut follower = streams.follow(STANDALONE, None).unwrap();
    assert_eq!(told(&mut follower).await.unwrap().1, "bbbb");
    assert_eq!(told(&mut follower).await.unwrap().1, "cccc");
}

#[tokio::test]
async fn a_full_stream_that_nobody_comes_back_to_is_given_up() {
    let streams = streams(1, 0);
    let (writer, follower) = streams.open();
    drop(follower);
    writer.push("a".to_owned()).await.unwrap();
    assert_eq!(writer.push("b".to_owned()).await, Err(Abandoned));
}

#[tokio::test]
async fn streams_are_let_go_of_when_they_are_over() {
    let kept = streams(1_000, 0);
    let (writer, follower) = kept.open();
    writer.push("a".to_owned()).await.unwrap();
    drop((writer, follower));
    kept.prune();
    assert!(kept.follow(1, Some(0)).is_none());
    assert_eq!(lock(&kept.inner).bytes, 0);
    let closed = streams(1_000, 60_000);
    let (writer, mut follower) = closed.open();
    closed.close();
    assert_eq!(told(&mut follower).await, None);
    assert_eq!(writer.push("a".to_owned()).await, Err(Abandoned));
}

#[test]
fn an_event_id_names_a_stream_and_a_place() {
    assert_eq!(read_event_id(&event_id(3, 17)), Some((3, 17)));
    for id in ["", "3", "3-", "-3", "a-1", "3-1-2", "+3-1", "3--1"] {
        assert_eq!(read_event_id(id), None, "{id}");
    }
}
