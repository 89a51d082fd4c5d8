"""
Storms: crowds of clients against several workers, while one kind of trouble at a time goes on.

Everything is judged from outside: by what clients were told, with the moments at which each request was sent and each
answer had come, and by what the database holds afterwards. Four counts must be zero.

* **double accepts**: one (user, secret, time step), or one backup code, that was accepted in more than one answer that
  a client received, on whatever roads; an accepted step that is not newer than one whose acceptance was told before it
  was sent; and an acceptance that was told and that the database has forgotten, so that the code would pass again.
* **lost failures**: answers `invalid-code` beyond the events `code_refused` with that outcome which the database holds
  for the user; a user whose `twofa_failures` are not the failures in a row that his events tell; and a guess that was
  looked at during a wait, by the moments of the events (after the fifth failure in a row each further one waits).
* **half-enabled users**: enabled without a secret, or without backup codes; a secret or backup codes without being
  enabled; a sealed value that does not open; a set-up, a switching-off or a change of password that was told and has no
  event; and, where nothing that came later can have changed it, a state or a secret other than the one that was told.
* **old sessions alive**: a session whose token had been handed out before a change of factor or password was sent,
  and which got 200 from a route behind `current_session` after that change was told; or, when the storm is over, after
  a change that the database's events show to have happened, told or not.

An answer that never came whole, or was 503, is *unavailable*: what it was about may have happened or not. It is never
counted as accepted, and whatever it may have changed is left open.
"""
