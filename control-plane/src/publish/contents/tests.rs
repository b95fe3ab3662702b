use super::*;
use crate::compile::tests::configuration;
use control_plane_api::{access::TokenGrant, pepper::Peppers};
use serde_json::{Value, json};

fn of(configuration: &Configuration) -> Contents {
    Contents::of(configuration, None).unwrap()
}

fn upserts(difference: &Difference) -> Vec<String> {
    let list: Vec<Value> = serde_json::from_str(&format!("[{}]", difference.upserts)).unwrap();
    list.iter().map(|object| format!("{}/{}", object["kind"], object["name"]).replace('"', "")).collect()
}

#[test]
fn what_stays_the_same_is_shared_and_in_no_difference() {
    let before = of(&configuration());
    let next = Configuration { revision: 8, ..configuration() };
    let after = Contents::of(&next, Some(&before)).unwrap();
    assert_eq!(before.changes_to(&after), Difference::default());
    assert!(before.objects.iter().zip(&after.objects).all(|(old, new)| Arc::ptr_eq(old, new)));
    assert!(Arc::ptr_eq(&before.secrets, &after.secrets) && Arc::ptr_eq(&before.peppers, &after.peppers));
    // The same holds where nothing is shared, as after a restart.
    assert_eq!(before.changes_to(&of(&next)), Difference::default());
}

#[test]
fn objects_that_are_new_different_or_gone_are_told_apart() {
    let before = of(&configuration());
    let mut next = Configuration { revision: 8, ..configuration() };
    next.objects.retain(|object| object.reference().name.as_str() != "bob");
    let project = json!({"kind": "project", "name": "w", "revision": 8, "spec": {}});
    next.objects.push(serde_json::from_value(project).unwrap());
    // No object has another revision by a token that was issued.
    let grant = TokenGrant { id: "t2".to_owned(), digest: "d2".to_owned(), expires_at: None };
    next.grants.push(("ann".parse().unwrap(), grant));
    let difference = before.changes_to(&Contents::of(&next, Some(&before)).unwrap());
    assert_eq!(upserts(&difference), ["project/w", "user/ann"]);
    assert_eq!(difference.removals.iter().map(ToString::to_string).collect::<Vec<_>>(), ["user/bob"]);
}

#[test]
fn what_is_sealed_is_told_by_revision_and_gone_with_its_use() {
    let before = of(&configuration());
    let mut next = configuration();
    next.secrets.iter_mut().for_each(|secret| secret.revision = 8);
    next.connections.iter_mut().for_each(|connection| connection.revision = 8);
    next.peppers = Peppers::new(vec![(1, [1; 32])]);
    let difference = before.changes_to(&Contents::of(&next, Some(&before)).unwrap());
    let names = |names: &[Name]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!((names(&difference.secrets), names(&difference.connections)), (vec!["used".into()], vec!["c1".into()]));
    assert!(difference.has_other_peppers && difference.upserts.is_empty());
    next.objects.retain(|object| object.reference().kind != Kind::Server);
    let gone = before.changes_to(&of(&next)).removals;
    let gone: Vec<_> = gone.iter().map(ToString::to_string).collect();
    assert_eq!(gone, ["server/jira", "server/slack", "secret/used", "connection/c1"]);
}
