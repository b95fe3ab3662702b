//! N-04: wrong passwords from one address, sprayed over accounts, and from many addresses.

use super::*;

const HOUR: i64 = 3_600_000;

fn attempt(account: &str, address: [u8; 4], now: i64) -> Attempt<'_> {
    Attempt { account, address: IpAddr::from(address), now }
}

/// How many of `attempts`, one every `step` milliseconds, are let through.
fn check(throttle: &Throttle, attempts: u32, step: i64, who: impl Fn(u32) -> (String, [u8; 4])) -> u32 {
    let mut through = 0;
    for n in 0..attempts {
        let (account, address) = who(n);
        through += u32::from(throttle.begin(attempt(&account, address, HOUR + i64::from(n) * step)).is_ok());
    }
    through
}

#[test]
fn ten_thousand_wrong_passwords_from_one_address_are_a_handful_of_guesses() {
    let throttle = Throttle::default();
    // Ten a second, for a quarter of an hour.
    let through = check(&throttle, 10_000, 100, |_| ("ann".to_owned(), [10, 0, 0, 1]));
    assert!(through <= PAIR_FREE + 12, "{through}");
}

#[test]
fn spraying_over_accounts_from_one_address_is_slowed_too() {
    let throttle = Throttle::default();
    let through = check(&throttle, 10_000, 100, |n| (format!("user{n}"), [10, 0, 0, 1]));
    assert!(through <= ADDRESS_FREE + 12, "{through}");
}

#[test]
fn guesses_at_one_account_from_many_addresses_come_once_a_minute() {
    let throttle = Throttle::default();
    let address = |n: u32| [10, (n >> 16) as u8, (n >> 8) as u8, n as u8];
    let through = check(&throttle, 10_000, 100, |n| ("ann".to_owned(), address(n)));
    // 1,000 s are 17 waits of a minute after those that double.
    assert!(through <= ACCOUNT_FREE + 25, "{through}");
}

#[test]
fn the_true_user_gets_in_from_elsewhere() {
    let throttle = Throttle::default();
    let home = [192, 0, 2, 7];
    throttle.begin(attempt("ann", home, HOUR)).unwrap();
    throttle.succeeded(attempt("ann", home, HOUR));
    let address = |n: u32| [10, (n >> 16) as u8, (n >> 8) as u8, n as u8];
    check(&throttle, 10_000, 100, |n| ("ann".to_owned(), address(n)));
    let end = HOUR + 1_000_000;
    assert!(throttle.begin(attempt("ann", home, end)).is_ok(), "at once from where the user logged in before");
    let wait = throttle.begin(attempt("ann", [192, 0, 2, 8], end)).map_or_else(|wait| wait.as_millis() as i64, |()| 0);
    assert!(wait <= ACCOUNT_WAIT_MS_MAX, "{wait}");
    assert!(throttle.begin(attempt("ann", [192, 0, 2, 8], end + wait)).is_ok(), "after a minute from anywhere else");
}

#[test]
fn a_wait_doubles_up_to_a_quarter_of_an_hour_and_is_forgotten_after_an_hour() {
    let throttle = Throttle::default();
    let (mut now, mut waits) = (HOUR, Vec::new());
    for _ in 0..24 {
        match throttle.begin(attempt("ann", [10, 0, 0, 1], now)) {
            Ok(()) => {}
            Err(wait) => {
                waits.push(wait.as_millis() as i64);
                now += wait.as_millis() as i64;
            }
        }
    }
    assert_eq!(waits[..3], [5_000, 10_000, 20_000]);
    assert!(waits.iter().all(|wait| *wait <= WAIT_MS_MAX));
    let later = now + HOUR + WAIT_MS_MAX;
    for _ in 0..PAIR_FREE {
        assert!(throttle.begin(attempt("ann", [10, 0, 0, 1], later)).is_ok());
    }
}

#[test]
fn many_at_once_gain_nothing() {
    let throttle = Throttle::default();
    let through = check(&throttle, 1_000, 0, |_| ("ann".to_owned(), [10, 0, 0, 1]));
    assert_eq!(through, PAIR_FREE);
}

#[test]
fn a_success_forgives_the_pair_and_nothing_else() {
    let throttle = Throttle::default();
    let here = [10, 0, 0, 1];
    for n in 0..ADDRESS_FREE - 1 {
        throttle.begin(attempt(&format!("u{n}"), here, HOUR)).unwrap();
    }
    throttle.begin(attempt("mallory", here, HOUR)).unwrap();
    throttle.succeeded(attempt("mallory", here, HOUR));
    throttle.begin(attempt("ann", here, HOUR)).unwrap();
    assert!(throttle.begin(attempt("bob", here, HOUR)).is_err(), "an own account buys no attempts at others");
}

#[test]
fn a_network_of_ipv6_counts_as_one_and_memory_is_bounded() {
    let throttle = Throttle::default();
    let address = |host: u16| IpAddr::from(Ipv6Addr::new(0x2001, 0xdb8, 0, 1, 0, 0, 0, host));
    let mut through = 0;
    for host in 0..100 {
        through += u32::from(throttle.begin(Attempt { account: "ann", address: address(host), now: HOUR }).is_ok());
    }
    assert_eq!(through, PAIR_FREE);
    for n in 0..80_000_u32 {
        let address = IpAddr::from(n.to_be_bytes());
        let _ = throttle.begin(Attempt { account: &n.to_string(), address, now: HOUR + i64::from(n) });
    }
    assert!(throttle.memory().strikes.len() <= REMEMBERED_MAX);
}
