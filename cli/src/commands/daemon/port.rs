//! Whether a port is free, and who has it if not.

use crate::failure::Failure;
use std::{
    fs, io,
    net::{Ipv4Addr, TcpListener},
};

/// Refuses a port that is taken; `flag` is what chooses another one.
pub(in crate::commands) fn check_free(port: u16, flag: &str) -> Result<(), Failure> {
    match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            let holder = holder(port).map(|holder| format!(" by {holder}")).unwrap_or_default();
            Err(Failure::failed(format!("port {port} on 127.0.0.1 is taken{holder}")).hint(format!(
                "end that program (`ss -ltnp 'sport = :{port}'` shows it), or take another port: \
                 `mcpctl daemon start {flag} PORT`"
            )))
        }
        Err(error) => Err(Failure::failed(format!("cannot listen on port {port} of 127.0.0.1: {error}"))
            .hint(format!("take another port: `mcpctl daemon start {flag} PORT`"))),
    }
}

/// Name and id of the process that listens on `port`, where the system tells.
fn holder(port: u16) -> Option<String> {
    let table = fs::read_to_string("/proc/net/tcp").ok()?;
    let inode = listening_inode(&table, port)?;
    let socket = format!("socket:[{inode}]");
    for process in fs::read_dir("/proc").ok()?.flatten() {
        let Ok(files) = fs::read_dir(process.path().join("fd")) else { continue };
        if files.flatten().any(|file| fs::read_link(file.path()).is_ok_and(|link| link.as_os_str() == socket.as_str()))
        {
            let name = fs::read_to_string(process.path().join("comm")).unwrap_or_default();
            return Some(format!("`{}` (process {})", name.trim(), process.file_name().display()));
        }
    }
    None
}

/// The inode of the socket listening on `port`, from /proc/net/tcp (proc_pid_net(5)).
fn listening_inode(table: &str, port: u16) -> Option<&str> {
    const LISTENING: &str = "0A";
    let suffix = format!(":{port:04X}");
    table.lines().find_map(|line| {
        let mut fields = line.split_whitespace();
        let (local, state) = (fields.nth(1)?, fields.nth(1)?);
        if local.ends_with(&suffix) && state == LISTENING { fields.nth(5) } else { None }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_listener_is_found_in_the_kernels_table() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
            0: 0100007F:0BB8 0100007F:1234 01 00000000:00000000 00:00000000 00000000     0        0 111 1 0 100 0 0 10 0\n\
            1: 0100007F:0BB8 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 222 1 0 100 0 0 10 0\n";
        assert_eq!(listening_inode(table, 3000), Some("222"));
        assert_eq!(listening_inode(table, 3001), None);
    }

    #[test]
    fn a_taken_port_is_named_with_the_flag_for_another() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let failure = check_free(port, "--api-port").unwrap_err();
        assert!(failure.message.contains(&format!("port {port} on 127.0.0.1 is taken")), "{}", failure.message);
        assert!(failure.hint.unwrap().contains("--api-port PORT"));
    }
}
