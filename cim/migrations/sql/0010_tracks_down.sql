DROP FUNCTION cim.drop_position_days(date);
DROP FUNCTION cim.add_position_day(date);
DROP TABLE cim.last_position;
DROP TABLE cim.unit_position;
DROP TABLE cim.mobile_unit;
