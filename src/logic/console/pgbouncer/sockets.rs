//! Connections, as PgBouncer shows them: SHOW CLIENTS, SERVERS, SOCKETS, ACTIVE_SOCKETS.

use core::net::IpAddr;

use crate::logic::console::snapshot::{Client, ClientState, End, Server, ServerState, UnixSeconds};
use crate::logic::console::table::{Cell, Column, Table};

/// SHOW CLIENTS and SHOW SERVERS.
pub const SOCKETS: &[Column] = SOCKETS_AND_BUFFERS.split_at(21).0;

/// SHOW SOCKETS and SHOW ACTIVE_SOCKETS.
pub const SOCKETS_AND_BUFFERS: &[Column] = &[
    Column::text("type"),
    Column::text("user"),
    Column::text("database"),
    Column::text("replication"),
    Column::text("state"),
    Column::text("addr"),
    Column::int4("port"),
    Column::text("local_addr"),
    Column::int4("local_port"),
    Column::text("connect_time"),
    Column::text("request_time"),
    Column::int4("wait"),
    Column::int4("wait_us"),
    Column::int4("close_needed"),
    Column::text("ptr"),
    Column::text("link"),
    Column::int4("remote_pid"),
    Column::text("tls"),
    Column::text("application_name"),
    Column::int4("prepared_statements"),
    Column::int4("id"),
    Column::int4("recv_pos"),
    Column::int4("pkt_pos"),
    Column::int4("pkt_remain"),
    Column::int4("send_pos"),
    Column::int4("send_remain"),
    Column::int4("pkt_avail"),
    Column::int4("send_avail"),
];

/// SHOW CLIENTS.
pub fn clients(clients: &[Client]) -> Table {
    let state = |client: &Client| match client.state {
        ClientState::Active => "active",
        ClientState::Idle => "idle",
        ClientState::Waiting => "waiting",
    };
    Table::new(SOCKETS, clients.iter().map(|client| client_row(client, state(client))).collect())
}

/// SHOW SERVERS.
pub fn servers(servers: &[Server]) -> Table {
    let state = |server: &Server| match server.state {
        ServerState::Active => "active",
        ServerState::Idle => "idle",
        ServerState::BeingCanceled => "being_canceled",
    };
    Table::new(SOCKETS, servers.iter().map(|server| server_row(server, state(server))).collect())
}

/// SHOW SOCKETS, and SHOW ACTIVE_SOCKETS of those that are not idle. Our buffers are the worker's, not the client's.
pub fn sockets(clients: &[Client], servers: &[Server]) -> Table {
    let with_buffers = |row: Vec<Cell>| row.into_iter().chain(std::iter::repeat_n(0.into(), 7)).collect();
    let of_clients = clients.iter().map(|client| match client.state {
        ClientState::Active | ClientState::Idle => client_row(client, "cl_active"),
        ClientState::Waiting => client_row(client, "cl_waiting"),
    });
    let of_servers = servers.iter().map(|server| match server.state {
        ServerState::Active => server_row(server, "sv_active"),
        ServerState::Idle => server_row(server, "sv_idle"),
        ServerState::BeingCanceled => server_row(server, "sv_being_canceled"),
    });
    Table::new(SOCKETS_AND_BUFFERS, of_clients.chain(of_servers).map(with_buffers).collect())
}

fn client_row(client: &Client, state: &'static str) -> Vec<Cell> {
    vec![
        "C".into(),
        (&client.user).into(),
        (&client.database).into(),
        "none".into(),
        state.into(),
        address(client.peer),
        port(client.peer),
        address(client.local),
        port(client.local),
        moment(client.connected).into(),
        moment(client.requested).into(),
        client.wait.as_secs().into(),
        client.wait.subsec_micros().into(),
        client.is_leaving.into(),
        client_pointer(client.id).into(),
        client.server.map_or_else(String::new, server_pointer).into(),
        0.into(),
        (&client.tls).into(),
        (&client.application).into(),
        client.prepared.into(),
        client.id.into(),
    ]
}

fn server_row(server: &Server, state: &'static str) -> Vec<Cell> {
    vec![
        "S".into(),
        (&server.user).into(),
        (&server.database).into(),
        "none".into(),
        state.into(),
        address(server.peer),
        port(server.peer),
        address(server.local),
        port(server.local),
        moment(server.connected).into(),
        moment(server.requested).into(),
        0.into(),
        0.into(),
        server.is_leaving.into(),
        server_pointer(server.id).into(),
        server.client.map_or_else(String::new, client_pointer).into(),
        server.pid.into(),
        (&server.tls).into(),
        "".into(),
        server.prepared.into(),
        server.id.into(),
    ]
}

/// PgBouncer shows addresses in memory here, which tell a connection from others: numbers do as well.
fn client_pointer(id: u64) -> String {
    format!("0xc{id:08x}")
}

fn server_pointer(id: u64) -> String {
    format!("0x5{id:08x}")
}

fn address(end: End) -> Cell {
    match end {
        End::Tcp(address) => match address.ip() {
            IpAddr::V4(ip) => ip.to_string().into(),
            IpAddr::V6(ip) => ip.to_string().into(),
        },
        End::Unix => "unix".into(),
    }
}

fn port(end: End) -> Cell {
    match end {
        End::Tcp(address) => address.port().into(),
        End::Unix => 0.into(),
    }
}

/// `2026-11-26 10:38:15 UTC`.
pub fn moment(seconds: UnixSeconds) -> String {
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    // Days to a date, by Howard Hinnant's `civil_from_days`.
    let shifted = days + 719_468;
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02} {:02}:{:02}:{:02} UTC", rest / 3_600, rest / 60 % 60, rest % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_dates() {
        assert_eq!(moment(0), "1970-01-01 00:00:00 UTC");
        assert_eq!(moment(951_782_399), "2000-02-28 23:59:59 UTC");
        assert_eq!(moment(951_782_400), "2000-02-29 00:00:00 UTC");
        assert_eq!(moment(1_795_689_495), "2026-11-26 10:38:15 UTC");
    }
}
